"""Settings about access do what their documentation says, and their defaults do not."""

import uuid

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, identities, signing
from harness.identities import allow, document


def made(server, **options):
    """A fresh bucket with one object, and the client that made them."""
    s3, bucket = clients.s3(server), f"b-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=bucket, **options)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    return s3, bucket


def code(call, **arguments):
    """The error's code, or None."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def to_everyone(bucket, **more):
    return document({"Principal": "*", **allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", **more)})


def get(server, bucket, **headers):
    return requests.get(f"{server.objects()}/{bucket}/k", headers=headers, timeout=10).status_code


def test_block_public_access(server, make_server):
    s3, bucket = made(server)
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))
    assert get(server, bucket) == 200

    closed = make_server("--block-public-access", "on")
    s3, bucket = made(closed)
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=to_everyone(bucket)) == "AccessDenied"
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == "AccessDenied"
    assert get(closed, bucket) == 403


def test_what_was_public_is_closed_when_the_server_blocks_it(make_server):
    server = make_server()
    s3, bucket = made(server)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert get(server, bucket) == 200
    server.arguments += ["--block-public-access", "on"]
    server.restart()
    assert get(server, bucket) == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_object_ownership(server, make_server):
    s3, bucket = made(server)
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") is None
    enforced = make_server("--object-ownership", "bucket-owner-enforced")
    s3, bucket = made(enforced)
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == "AccessControlListNotSupported"


def test_trusted_proxies(server, make_server):
    office = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    said = {"X-Forwarded-For": "203.0.113.7"}
    s3, bucket = made(server)
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket, Condition=office))
    assert get(server, bucket, **said) == 403, "nobody is trusted by default"

    behind = make_server("--trusted-proxies", "192.0.2.0/24", "--trusted-proxies", "127.0.0.1")
    s3, bucket = made(behind)
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket, Condition=office))
    assert get(behind, bucket, **said) == 200
    assert get(behind, bucket) == 403
    assert get(behind, bucket, **{"X-Forwarded-For": "203.0.113.7, 198.51.100.1"}) == 403, "what stands left is a claim"


def test_any_v4_region(server, make_server, monkeypatch):
    open_ = make_server("--any-v4-region", "on")
    s3, bucket = made(server)
    other, elsewhere = made(open_)
    monkeypatch.setattr(signing, "REGION", "mars-9")
    assert signing.v4(server, "GET", f"/{bucket}/k").status in (400, 403)
    assert signing.v4(open_, "GET", f"/{elsewhere}/k").status == 200


def test_accept_v2_for_kms(server, make_server):
    strict = make_server("--accept-v2-for-kms", "off")
    for of, wanted in ((server, None), (strict, "InvalidArgument")):
        s3, bucket = made(of)
        s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", ServerSideEncryption="aws:kms")
        v2 = clients.s3(of, signature="s3")
        assert code(v2.get_object, Bucket=bucket, Key="sealed") == wanted
        assert code(v2.get_object, Bucket=bucket, Key="k") is None


@pytest.mark.parametrize("setting", ["--trusted-proxies=proxy.example.com", "--block-public-access=true"])
def test_what_is_no_value_stops_the_start(make_server, setting):
    server = make_server(setting, start=False)
    with pytest.raises(Exception, match=setting.split("=")[1]):
        server.start()


def test_an_account_of_its_own_is_not_the_public(make_server):
    """What the block takes away is what everyone gets, not what is granted to somebody."""
    server = make_server("--block-public-access", "on")
    other = identities.make_account(server, "friends")
    s3, bucket = made(server)
    grant = {"Principal": {"AWS": f"arn:aws:iam::{other.number}:root"}, **allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")}
    s3.put_bucket_policy(Bucket=bucket, Policy=document(grant))
    assert identities.s3(server, other.credentials).get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
