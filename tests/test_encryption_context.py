"""The encryption context that a request brings, and what a key policy says of it: it holds for every object, also where a
bucket key spares the call to the key service."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from encryption_rows import begin, send_part, write
from harness import clients, identities
from harness.identities import allow, deny
from test_kms_api import Counted
from test_obs_encryption_rows import As
from test_sse_rules import Dialect, b64, expect

USE = ["kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt"]
DEPARTMENT = "kms:EncryptionContext:department"


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


@pytest.fixture(params=["direct", "bucket key"])
def asked(request, dialect):
    """The headers of a write under a CMK, by its context's department."""

    def headers(key, department=None):
        said = {dialect.method: dialect.kms, dialect.key_id: key["Arn"]}
        if request.param == "bucket key":
            said[dialect.bucket_key] = "true"
        if department:
            said[f"{dialect.method}-context"] = b64(json.dumps({"department": department}).encode())
        return said

    return headers


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]


@pytest.fixture
def who(server):
    """Somebody who may do everything that no other policy denies."""
    name = f"u-{uuid.uuid4().hex[:12]}"
    someone = As(server, identities.make_user(server, name, [allow(["s3:*", "kms:*"])]))
    someone.name = name
    return someone


@pytest.fixture
def bucket(s3, bucket):
    """A bucket with an object `source` in the clear, which tells nothing of a context."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    return bucket


def put_policy(kms, key, *statements):
    number = key["AWSAccountId"]
    account = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{number}:root"})
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=identities.document(account, *statements))


def of_user(key, who):
    return {"AWS": f"arn:aws:iam::{key['AWSAccountId']}:user/{who.name}"}


def test_a_deny_of_a_context_holds_for_every_write(server, kms, bucket, key, who, dialect, asked):
    # The user has a bucket key in the cache, obtained for an object that nothing denies.
    expect(dialect.send(who, "PUT", bucket, "before", b"hello", asked(key, "secret")), 200)
    put_policy(kms, key, deny(USE, Principal=of_user(key, who), Condition={"StringEquals": {DEPARTMENT: "secret"}}))
    expect(dialect.send(who, "PUT", bucket, "warm", b"hello", asked(key, "finance")), 200)
    for way in ("put", "copy", "initiate"):
        expect(write(who, dialect, way, bucket, asked(key, "secret")), 403, "AccessDenied")
        for department in ("finance", None):
            expect(write(who, dialect, way, bucket, asked(key, department)), 200)


def test_a_deny_of_a_context_holds_for_every_use_of_what_was_written_with_it(
    server, kms, bucket, key, who, dialect, asked
):
    for department in ("secret", "finance"):
        expect(dialect.send(who, "PUT", bucket, department, b"hello", asked(key, department)), 200)
    upload = begin(who, dialect, bucket, asked(key, "secret"))
    assert expect(dialect.send(who, "GET", bucket, "secret"), 200).body == b"hello"
    put_policy(kms, key, deny(USE, Principal=of_user(key, who), Condition={"StringEquals": {DEPARTMENT: "secret"}}))

    assert expect(dialect.send(who, "GET", bucket, "finance"), 200).body == b"hello"
    expect(dialect.send(who, "GET", bucket, "secret"), 403, "AccessDenied")
    expect(dialect.send(who, "GET", bucket, "secret", headers={"Range": "bytes=0-1"}), 403, "AccessDenied")
    from_secret = dialect.copy_source(bucket, "secret")
    expect(dialect.send(who, "PUT", bucket, "copy", headers=from_secret), 403, "AccessDenied")
    plain = begin(who, dialect, bucket, {}, name="m")
    part = [("partNumber", "1"), ("uploadId", plain)]
    expect(dialect.send(who, "PUT", bucket, "m", headers=from_secret, query=part), 403, "AccessDenied")
    # A part is sealed under the upload's own key, which is to be unwrapped for it.
    expect(send_part(who, dialect, bucket, upload, {}), 403, "AccessDenied")
    # What needs no key goes on, and who is not denied reads.
    expect(dialect.send(who, "HEAD", bucket, "secret"), 200)
    assert expect(dialect.send(server, "GET", bucket, "secret"), 200).body == b"hello"
    expect(dialect.send(who, "DELETE", bucket, "secret"), 204)


def test_a_deny_of_a_context_holds_for_update_object_encryption(server, kms, bucket, key, who):
    """Whichever way the DEK is wrapped now and is to be wrapped then."""
    s3 = clients.s3(server, access_key=who.access_key, secret_key=who.secret_key)
    named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
    dialect = Dialect("s3")
    for name, flag in (("direct", False), ("through", True)):
        headers = {dialect.method: "aws:kms", dialect.key_id: key["Arn"], dialect.bucket_key: str(flag).lower(),
                   f"{dialect.method}-context": b64(b'{"department":"secret"}')}  # fmt: skip
        expect(dialect.send(who, "PUT", bucket, name, b"hello", headers), 200)
    s3.put_object(Bucket=bucket, Key="bare", Body=b"hello", BucketKeyEnabled=True, **named)
    put_policy(kms, key, deny(USE, Principal=of_user(key, who), Condition={"StringEquals": {DEPARTMENT: "secret"}}))

    def update(name, flag):
        to = {"KMSKeyArn": key["Arn"], "BucketKeyEnabled": flag}
        return s3.update_object_encryption(Bucket=bucket, Key=name, ObjectEncryption={"SSEKMS": to})

    for flag in (False, True):
        update("bare", flag)
        for name in ("direct", "through"):
            with pytest.raises(ClientError) as error:
                update(name, flag)
            assert error.value.response["Error"]["Code"] == "AccessDenied"
    for name, flag in (("direct", None), ("through", "true")):
        head = expect(dialect.send(server, "HEAD", bucket, name), 200)
        assert head.headers.get(dialect.bucket_key) == flag, "as it was"
        assert expect(dialect.send(server, "GET", bucket, name), 200).body == b"hello"


@pytest.mark.parametrize("condition", [
    {"StringNotEquals": {DEPARTMENT: "finance"}},
    {"Null": {DEPARTMENT: "true"}},
    {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["aws:s3:arn"]}},
], ids=["not equals", "null", "keys"])  # fmt: skip
def test_a_deny_of_all_but_a_context_lets_that_one_through(
    server, kms, bucket, key, who, dialect, asked, condition
):
    expect(dialect.send(who, "PUT", bucket, "before", b"hello", asked(key)), 200)
    put_policy(kms, key, deny(USE, Principal=of_user(key, who), Condition=condition))
    expect(dialect.send(who, "GET", bucket, "before"), 403, "AccessDenied")
    for way in ("put", "copy", "initiate"):
        expect(write(who, dialect, way, bucket, asked(key, "finance")), 200)
        expect(write(who, dialect, way, bucket, asked(key)), 403, "AccessDenied")
    assert expect(dialect.send(who, "GET", bucket, "k"), 200).body == b"hello"
    expect(dialect.send(who, "PUT", bucket, "again", headers=dialect.copy_source(bucket, "k")), 200)


def test_an_allow_with_a_context_allows_that_one_alone(server, kms, bucket, key, dialect, asked):
    name = f"u-{uuid.uuid4().hex[:12]}"
    only = As(server, identities.make_user(server, name, [allow("s3:*")]))
    only.name = name
    put_policy(kms, key, allow(USE, Principal=of_user(key, only), Condition={"StringEquals": {DEPARTMENT: "finance"}}))
    expect(dialect.send(server, "PUT", bucket, "secret", b"hello", asked(key, "secret")), 200)
    for way in ("put", "copy", "initiate"):
        expect(write(only, dialect, way, bucket, asked(key, "finance")), 200)
        for department in ("secret", None):
            expect(write(only, dialect, way, bucket, asked(key, department)), 403, "AccessDenied")
    assert expect(dialect.send(only, "GET", bucket, "k"), 200).body == b"hello"
    expect(dialect.send(only, "GET", bucket, "secret"), 403, "AccessDenied")


def test_contexts_take_no_calls_of_their_own(server, bucket, key, dialect):
    """The bucket key is wrapped for the bucket alone: objects with other contexts share it, and its calls."""
    headers = {dialect.method: dialect.kms, dialect.key_id: key["Arn"], dialect.bucket_key: "true"}
    with Counted(server) as calls:
        for n in range(5):
            context = b64(json.dumps({"department": str(n)}).encode())
            said = headers | {f"{dialect.method}-context": context}
            expect(dialect.send(server, "PUT", bucket, f"k-{n}", b"hello", said), 200)
            assert expect(dialect.send(server, "GET", bucket, f"k-{n}"), 200).body == b"hello"
    assert (calls.generated, calls.unwrapped) == (1, 0)
