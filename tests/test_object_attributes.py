"""GetObjectAttributes, by boto3 and by hand: what it tells under every method, who may ask, with which key, which parts it
lists; and reads by part number, which show the checksum of their part."""

import base64
import hashlib
import uuid
import zlib

import pytest
from botocore.exceptions import ClientError
from encryption_rows import encryption_of
from test_sse_rules import Dialect, expect

from harness import clients, identities
from harness.identities import allow
from harness.sse import MIB, CustomerKey, body

S3, OBS = Dialect("s3"), Dialect("obs")
KEY, OTHER = CustomerKey(), CustomerKey()
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
HEADER = "x-amz-object-attributes"
PARTS = [body(5 * MIB, 1), body(5 * MIB, 2), b"the last"]


def encoded(raw):
    return base64.b64encode(raw).decode()


def crc32(data):
    return encoded(zlib.crc32(data).to_bytes(4, "big"))


def sha256(data):
    return encoded(hashlib.sha256(data).digest())


def customer(method):
    """boto3 encodes no key for this operation: callers send all three ready-made."""
    key = method.customer
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key.base64, "SSECustomerKeyMD5": key.md5} if key else {}


def attributes(s3, bucket, name, method=None, wanted=ALL, **more):
    return s3.get_object_attributes(
        Bucket=bucket, Key=name, ObjectAttributes=wanted, **(customer(method) if method else {}), **more
    )  # fmt: skip


def upload(s3, bucket, name, method, algorithm, kind="COMPOSITE", parts=PARTS):
    begun = s3.create_multipart_upload(
        Bucket=bucket, Key=name, ChecksumAlgorithm=algorithm, ChecksumType=kind, **method.write
    )["UploadId"]  # fmt: skip
    done = []
    for number, data in enumerate(parts, 1):
        part = s3.upload_part(
            Bucket=bucket, Key=name, UploadId=begun, PartNumber=number, Body=data, ChecksumAlgorithm=algorithm, **method.read
        )  # fmt: skip
        done.append({"PartNumber": number, "ETag": part["ETag"], f"Checksum{algorithm}": part[f"Checksum{algorithm}"]})
    return s3.complete_multipart_upload(
        Bucket=bucket, Key=name, UploadId=begun, MultipartUpload={"Parts": done}, **method.read
    )  # fmt: skip


def refusal(call, *arguments, **more):
    with pytest.raises(ClientError) as refused:
        call(*arguments, **more)
    response = refused.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("size", [0, 100_000])
def test_boto3_reads_what_head_tells(s3, bucket, method, size):
    put = s3.put_object(Bucket=bucket, Key="k", Body=body(size), ChecksumAlgorithm="SHA256", **method.write)
    got = attributes(s3, bucket, "k", method)
    assert got["ETag"] == put["ETag"].strip('"') and got["ObjectSize"] == size and got["StorageClass"] == "STANDARD"
    assert got["Checksum"] == {"ChecksumSHA256": sha256(body(size)), "ChecksumType": "FULL_OBJECT"}
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **method.read)
    assert got["LastModified"] == head["LastModified"] and head["ChecksumSHA256"] == got["Checksum"]["ChecksumSHA256"]
    assert "ObjectParts" not in got, "it was written at once"
    for wanted in ALL:
        alone = attributes(s3, bucket, "k", method, [wanted])
        told = {name for name in ALL if name in alone}
        assert told == ({wanted} - {"ObjectParts"})
    shown = got["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in shown if "server-side" in name], "answers of this operation say nothing of encryption"


def test_parts_are_listed_page_by_page_with_their_checksums(s3, bucket, method):
    done = upload(s3, bucket, "m", method, "SHA256")
    got = attributes(s3, bucket, "m", method)
    whole = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in PARTS)).digest()
    assert got["Checksum"] == {"ChecksumSHA256": encoded(whole), "ChecksumType": "COMPOSITE"}, "without the number of parts"
    assert got["ETag"] == done["ETag"].strip('"') and got["ETag"].endswith("-3")
    assert got["ObjectSize"] == sum(map(len, PARTS))
    parts = got["ObjectParts"]
    every = [{"PartNumber": n, "Size": len(p), "ChecksumSHA256": sha256(p)} for n, p in enumerate(PARTS, 1)]
    assert parts["Parts"] == every and parts["TotalPartsCount"] == 3
    assert (parts["IsTruncated"], parts["MaxParts"], parts["PartNumberMarker"]) == (False, 1000, 0)
    page = attributes(s3, bucket, "m", method, ["ObjectParts"], MaxParts=2)["ObjectParts"]
    assert page["Parts"] == every[:2] and page["IsTruncated"] and page["MaxParts"] == 2
    rest = attributes(
        s3, bucket, "m", method, ["ObjectParts"], MaxParts=2, PartNumberMarker=page["NextPartNumberMarker"]
    )["ObjectParts"]  # fmt: skip
    assert rest["Parts"] == every[2:] and not rest["IsTruncated"] and rest["PartNumberMarker"] == 2
    beyond = attributes(s3, bucket, "m", method, ["ObjectParts"], PartNumberMarker=3)["ObjectParts"]
    assert beyond.get("Parts", []) == [] and not beyond["IsTruncated"] and beyond["TotalPartsCount"] == 3
    # Read by its number, each part shows its own.
    for part, data in zip(every, PARTS):
        named = dict(Bucket=bucket, Key="m", PartNumber=part["PartNumber"], ChecksumMode="ENABLED", **method.read)
        head = s3.head_object(**named)
        answer = s3.get_object(**named)
        assert answer["Body"].read() == data
        for reply in (head, answer):
            assert reply["ChecksumSHA256"] == part["ChecksumSHA256"] and reply["ChecksumType"] == "COMPOSITE"
            assert reply["PartsCount"] == 3 and reply["ContentLength"] == len(data)
        unasked = s3.head_object(Bucket=bucket, Key="m", PartNumber=part["PartNumber"], **method.read)
        assert "ChecksumSHA256" not in unasked, "only when it is asked for"
    ranged = s3.get_object(Bucket=bucket, Key="m", Range="bytes=0-9", ChecksumMode="ENABLED", **method.read)
    assert "ChecksumSHA256" not in ranged


def test_parts_without_checksums_of_their_own_are_counted(s3, bucket, method):
    upload(s3, bucket, "m", method, "CRC32", "FULL_OBJECT")
    got = attributes(s3, bucket, "m", method)
    assert got["Checksum"] == {"ChecksumCRC32": crc32(b"".join(PARTS)), "ChecksumType": "FULL_OBJECT"}
    assert got["ObjectParts"] == {"TotalPartsCount": 3}
    part = s3.head_object(Bucket=bucket, Key="m", PartNumber=1, ChecksumMode="ENABLED", **method.read)
    assert "ChecksumCRC32" not in part


def test_the_suite_of_ceph_is_told_sizes_of_parts(make_server):
    from harness.sse import method as method_named

    server = make_server("--compat", "ceph")
    s3, plain = clients.s3(server), method_named("plain", None)
    s3.create_bucket(Bucket="suite")
    upload(s3, "suite", "m", plain, "CRC32", "FULL_OBJECT")
    parts = attributes(s3, "suite", "m")["ObjectParts"]
    assert parts["Parts"] == [{"PartNumber": n, "Size": len(p)} for n, p in enumerate(PARTS, 1)]
    server.stop()


@pytest.mark.parametrize("size", [0, 5])
@pytest.mark.parametrize("attribute", ALL)
def test_customer_keys_are_tried_as_by_head(server, bucket, attribute, size):
    expect(S3.send(server, "PUT", bucket, "k", b"hello"[:size], S3.trio(KEY)), 200)
    expect(S3.send(server, "PUT", bucket, "plain", b"hello"[:size]), 200)
    ask = lambda name, headers, tls=True: S3.send(  # noqa: E731
        server, "GET", bucket, name, headers=headers | {HEADER: attribute}, query=[("attributes", None)], tls=tls
    )
    assert encryption_of(expect(ask("k", S3.trio(KEY)), 200), S3) == {}
    for headers, status, code in [
        ({}, 400, "InvalidRequest"), (S3.trio(OTHER), 403, "AccessDenied"), ({S3.c_algorithm: "AES256"}, 400, "InvalidArgument"),
        ({**S3.trio(KEY), S3.c_md5: OTHER.md5}, 400, "InvalidArgument"), ({S3.method: "AES256"}, 400, "InvalidArgument"),
    ]:  # fmt: skip
        refused = expect(ask("k", headers), status, code)
        assert b"<ObjectSize>" not in refused.body and "last-modified" not in refused.headers
    expect(ask("k", S3.trio(KEY), tls=False), 400, "InvalidRequest")
    expect(ask("plain", S3.trio(KEY)), 400, "InvalidRequest")


def test_conditions_are_answered_to_who_has_the_key(server, bucket, method):
    headers = method.customer.headers() if method.customer else {}
    write = {S3.method: method.write["ServerSideEncryption"]} if "ServerSideEncryption" in method.write else headers
    tag = expect(S3.send(server, "PUT", bucket, "k", b"hello", write), 200).headers["etag"]
    ask = lambda more: S3.send(  # noqa: E731
        server, "GET", bucket, "k", headers=more | {HEADER: "ObjectSize"}, query=[("attributes", None)]
    )
    expect(ask(headers | {"If-Match": tag}), 200)
    expect(ask(headers | {"If-Match": '"0"'}), 412, "PreconditionFailed")
    assert ask(headers | {"If-None-Match": tag}).status == 304
    assert ask(headers | {"If-Modified-Since": "Mon, 01 Jan 2120 00:00:00 GMT"}).status == 200, "a date to come is none"
    if method.customer:
        for condition in ({"If-None-Match": tag}, {"If-Match": '"0"'}):
            assert ask(S3.trio(OTHER) | condition).status == 403
            assert ask(condition).status == 400


@pytest.mark.parametrize("missing", [None, "s3:GetObject", "s3:GetObjectAttributes"])
def test_both_rights_are_asked(server, s3, bucket, missing):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    rights = sorted({"s3:GetObject", "s3:GetObjectAttributes"} - {missing})
    caller = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow(rights)]))
    if missing is None:
        assert attributes(caller, bucket, "k")["ObjectSize"] == 5
        # Versions have rights of their own.
        assert refusal(attributes, caller, bucket, "k", VersionId="null") == (403, "AccessDenied")
    else:
        assert refusal(attributes, caller, bucket, "k") == (403, "AccessDenied")
    # Who may not list the bucket does not learn what is there.
    assert refusal(attributes, caller, bucket, "absent") == (403, "AccessDenied")


def test_versions_have_rights_of_their_own(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    rights = ["s3:GetObjectVersion", "s3:GetObjectVersionAttributes"]
    caller = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow(rights)]))
    assert attributes(caller, bucket, "k", VersionId="null")["ObjectSize"] == 5
    assert refusal(attributes, caller, bucket, "k") == (403, "AccessDenied")
    assert refusal(attributes, s3, bucket, "k", VersionId="3HL4kqtJlcpXroDTDmJ")[0] in (400, 404)


def test_the_right_to_the_key_is_asked_where_a_checksum_is_told(server, s3, bucket, cmk):
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": cmk}
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **kms)
    caller = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    got = attributes(caller, bucket, "k", wanted=["ETag", "ObjectSize", "ObjectParts", "StorageClass"])
    assert got["ObjectSize"] == 5 and "Checksum" not in got
    assert refusal(attributes, caller, bucket, "k", wanted=["Checksum"]) == (403, "AccessDenied")


def test_parts_of_a_kms_object_need_the_key_where_they_have_checksums(server, s3, bucket, cmk):
    from harness.sse import method as method_named

    upload(s3, bucket, "composite", method_named("sse-kms", cmk), "SHA256", parts=[b"one part"])
    upload(s3, bucket, "full", method_named("sse-kms", cmk), "CRC32", "FULL_OBJECT", parts=[b"one part"])
    caller = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    assert refusal(attributes, caller, bucket, "composite", wanted=["ObjectParts"]) == (403, "AccessDenied")
    assert attributes(caller, bucket, "full", wanted=["ObjectParts"])["ObjectParts"] == {"TotalPartsCount": 1}
    part = dict(Bucket=bucket, Key="composite", PartNumber=1)
    assert refusal(caller.head_object, ChecksumMode="ENABLED", **part)[0] == 403
    assert caller.head_object(**part)["ContentLength"] == len(b"one part")


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "etag"}, {HEADER: "ETag,Body"},
                                     {HEADER: "ETag", "x-amz-max-parts": "many"},
                                     {HEADER: "ETag", "x-amz-part-number-marker": "-1"}])  # fmt: skip
def test_what_cannot_be_asked(server, bucket, headers):
    expect(S3.send(server, "PUT", bucket, "k", b"hello"), 200)
    ask = lambda name: S3.send(server, "GET", bucket, name, headers=headers, query=[("attributes", None)])  # noqa: E731
    expect(ask("k"), 400, "InvalidArgument")


def test_what_is_not_there_has_no_attributes(server, s3, bucket):
    assert refusal(attributes, s3, bucket, "absent") == (404, "NoSuchKey")
    assert refusal(attributes, s3, "no-such-bucket-at-all", "k") == (404, "NoSuchBucket")


def test_obs_has_no_such_operation(server, bucket):
    expect(OBS.send(server, "PUT", bucket, "k", b"hello"), 200)
    asked = OBS.send(server, "GET", bucket, "k", headers={"x-obs-object-attributes": "ETag"}, query=[("attributes", None)])
    expect(asked, 501, "ServiceNotImplemented")
