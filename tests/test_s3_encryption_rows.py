"""Encryption as S3's clients expect it, row by row: which header goes into and comes out of which operation, how CMKs are
named, what decides, contexts, digests and checksums of plaintext, conditional and partial reads, uploads, signed URLs."""

import base64
import hashlib
import json
import re
import uuid
import zlib
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from encryption_rows import OPERATIONS, READS, WRITES, ask, begin, complete, encryption_of, send_part, write
from harness import clients, identities, signing
from harness.identities import allow
from harness.server import DOMAIN
from harness.sse import CustomerKey
from test_obs_encryption_rows import As, tag_of
from test_sse_rules import ABSENT_KEY, Dialect, b64, document, expect, rule

S3 = Dialect("s3")
KEY, OTHER = CustomerKey(), CustomerKey()
CONTEXT = f"{S3.method}-context"


@pytest.fixture
def bucket(s3, bucket):
    """A bucket with an object `source` in the clear."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    return bucket


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def nothing_new(s3, bucket):
    assert names(s3, bucket) == ["source"] and "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def set_default(server, bucket, algorithm, key=None, flag=None):
    more = f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else ""
    outer = "" if flag is None else f"<BucketKeyEnabled>{str(flag).lower()}</BucketKeyEnabled>"
    text = document(rule(algorithm, more, outer))
    expect(S3.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)


@pytest.fixture(scope="module")
def other_cmk(kms):
    return kms.create_key(Description="another")["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def account_key(s3, kms):
    """The account's default key, made by its first use."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    return s3.put_object(Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]


# ---- which operation takes and tells what ---------------------------------------------------------------------------

METHODS = ["nothing", "SSE-S3", "SSE-KMS", "SSE-KMS, default key", "SSE-KMS, bucket key", "SSE-KMS, context", "SSE-C"]
FINANCE = b64(json.dumps({"department": "finance"}).encode())


def asked_as(method, cmk):
    kms = {S3.method: "aws:kms", S3.key_id: cmk}
    return {
        "nothing": {}, "SSE-S3": {S3.method: "AES256"}, "SSE-KMS": kms, "SSE-KMS, default key": {S3.method: "aws:kms"},
        "SSE-KMS, bucket key": kms | {S3.bucket_key: "true"}, "SSE-KMS, context": kms | {CONTEXT: FINANCE},
        "SSE-C": S3.trio(KEY),
    }[method]  # fmt: skip


def told_of(method, operation, key):
    """Exactly what the answer tells of encryption."""
    if method == "nothing":
        return {}
    if method == "SSE-S3":
        return {"server-side-encryption": "AES256"}
    if method == "SSE-C":
        # A completion without the key has nothing to tell.
        told = {"server-side-encryption-customer-algorithm": "AES256", "server-side-encryption-customer-key-md5": KEY.md5}
        return {} if operation == "complete" else told
    told = {"server-side-encryption": "aws:kms", "server-side-encryption-aws-kms-key-id": key}
    if method == "SSE-KMS, bucket key":
        told["server-side-encryption-bucket-key-enabled"] = "true"
    if method == "SSE-KMS, context" and operation in ("put", "copy", "initiate"):
        told["server-side-encryption-context"] = FINANCE
    return told


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("method", METHODS)
def test_what_each_operation_tells(server, bucket, cmk, account_key, method, operation):
    read = S3.trio(KEY) if method == "SSE-C" else {}
    reply = ask(server, S3, operation, bucket, asked_as(method, cmk), read)
    assert reply.status in (200, 204), (reply.status, reply.body)
    key = account_key if method == "SSE-KMS, default key" else cmk
    assert encryption_of(reply, S3) == told_of(method, operation, key)
    for form in (KEY.base64, KEY.key.hex()):
        assert form not in str(reply.headers) and form.encode() not in reply.body


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("method", ["SSE-S3", "SSE-KMS", "SSE-KMS, default key", "SSE-KMS, bucket key"])
def test_what_each_operation_tells_of_a_bucket_s_default(server, bucket, cmk, account_key, method, operation):
    """Clients compare ETags unless they are told of the method, inherited or not."""
    key = {"SSE-KMS": cmk, "SSE-KMS, bucket key": cmk}.get(method)
    flag = True if method == "SSE-KMS, bucket key" else None
    set_default(server, bucket, "AES256" if method == "SSE-S3" else "aws:kms", key, flag)
    reply = ask(server, S3, operation, bucket, {})
    assert reply.status in (200, 204), (reply.status, reply.body)
    assert encryption_of(reply, S3) == told_of(method, operation, key or account_key)


@pytest.mark.parametrize("method", METHODS)
def test_what_tells_nothing(server, s3, bucket, cmk, method):
    """Listings, parts, uploads, deletions: nothing of the method, and the sizes of plaintext."""
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    expect(S3.send(server, "PUT", bucket, "k", b"hello", headers), 200)
    upload = begin(server, S3, bucket, headers)
    expect(send_part(server, S3, bucket, upload, read), 200)
    replies = {
        "list": S3.send(server, "GET", bucket),
        "list again": S3.send(server, "GET", bucket, query=[("list-type", "2")]),
        "versions": S3.send(server, "GET", bucket, query=[("versions", None)]),
        "uploads": S3.send(server, "GET", bucket, query=[("uploads", None)]),
        "parts": S3.send(server, "GET", bucket, "m", query=[("uploadId", upload)]),
        "abort": S3.send(server, "DELETE", bucket, "m", query=[("uploadId", upload)]),
        "delete": S3.send(server, "DELETE", bucket, "k"),
    }
    for operation, reply in replies.items():
        assert reply.status in (200, 204) and encryption_of(reply, S3) == {}, operation
        assert b"encrypt" not in reply.body.lower() and b"kms" not in reply.body.lower(), operation
    for operation in ("list", "list again", "versions", "parts"):
        assert set(re.findall(rb"<Size>(\d+)</Size>", replies[operation].body)) == {b"5"}, operation


# ---- values and places ----------------------------------------------------------------------------------------------

MISUSE = {
    "context with AES256": {S3.method: "AES256", CONTEXT: FINANCE},
    "bucket key with AES256": {S3.method: "AES256", S3.bucket_key: "true"},
    "no bucket key with AES256": {S3.method: "AES256", S3.bucket_key: "false"},
    "context without a method": {CONTEXT: FINANCE},
    "context with a customer key": {**S3.trio(KEY), CONTEXT: FINANCE},
    "a method of backups": {S3.method: "aws:backup"},
    "a method with a blank": {S3.method: "AES 256"},
    "an upper-case method": {S3.method: "AWS:KMS"},
    "an empty key id": {S3.method: "aws:kms", S3.key_id: ""},
    "a context that sets the server's pair": {
        S3.method: "aws:kms", CONTEXT: b64(json.dumps({"aws:s3:arn": "arn:aws:s3:::b/k"}).encode()),
    },
    "a context with a name of the server's own": {
        S3.method: "aws:kms", CONTEXT: b64(json.dumps({"strongroom:bucket": "b"}).encode()),
    },
    "a context with an empty name": {S3.method: "aws:kms", CONTEXT: b64(b'{"":"x"}')},
    "an upper-case customer algorithm": {**S3.trio(KEY), S3.c_algorithm: "aes256"},
    "an empty customer algorithm": {**S3.trio(KEY), S3.c_algorithm: ""},
    "an empty customer key": {**S3.trio(KEY), S3.c_key: ""},
    "an empty MD5 of the customer key": {**S3.trio(KEY), S3.c_md5: ""},
    "a customer key of 31 bytes": CustomerKey(b"k" * 31).headers(),
    "a customer key of 33 bytes": CustomerKey(b"k" * 33).headers(),
    "a customer key in hexadecimal": {**S3.trio(KEY), S3.c_key: KEY.key.hex()},
    "a customer key with bytes behind it": {**S3.trio(KEY), S3.c_key: KEY.base64 + "AAAA"},
}  # fmt: skip


@pytest.mark.parametrize("case", MISUSE)
@pytest.mark.parametrize("way", WRITES)
def test_misuse(server, s3, bucket, way, case):
    wanted = ["InvalidArgument"]
    if case.endswith("customer algorithm"):
        wanted.append("InvalidEncryptionAlgorithmError")
    reply = expect(write(server, S3, way, bucket, MISUSE[case]), 400, *wanted)
    nothing_new(s3, bucket)
    assert KEY.base64.encode() not in reply.body and KEY.key.hex().encode() not in reply.body


@pytest.mark.parametrize("way", WRITES)
def test_ways_to_name_a_key(server, kms, bucket, cmk, way):
    """Id, ARN, alias, ARN of an alias: the answer names the key by its ARN."""
    alias = f"alias/{uuid.uuid4().hex}"
    kms.create_alias(AliasName=alias, TargetKeyId=cmk)
    for given in (cmk, cmk.rsplit("/")[-1], alias, re.sub("key/.*", alias, cmk)):
        reply = write(server, S3, way, bucket, {S3.method: "aws:kms", S3.key_id: given})
        assert reply.status in (200, 204) and reply.headers[S3.key_id] == cmk, given
    for absent in ("alias/none", re.sub("key/.*", "alias/none", cmk), cmk.replace("arn:aws:kms:local-1", "arn:aws:kms:x-1")):
        reply = write(server, S3, way, bucket, {S3.method: "aws:kms", S3.key_id: absent})
        expect(reply, 400, "KMS.NotFoundException")


@pytest.mark.parametrize("name", [S3.method, S3.c_key, S3.c_algorithm, S3.bucket_key, CONTEXT, S3.key_id])
def test_names_of_headers_have_no_case(server, bucket, cmk, name):
    headers = S3.trio(KEY) if "customer" in name else {
        S3.method: "aws:kms", S3.key_id: cmk, S3.bucket_key: "true", CONTEXT: FINANCE,
    }  # fmt: skip
    shouted = {n.upper() if n == name else n: v for n, v in headers.items()}
    quiet = encryption_of(expect(S3.send(server, "PUT", bucket, "k", b"x", headers), 200), S3)
    assert encryption_of(expect(S3.send(server, "PUT", bucket, "k", b"x", shouted), 200), S3) == quiet


@pytest.mark.parametrize("way", ["put", "copy", "initiate"])
@pytest.mark.parametrize("name", [S3.method, S3.c_key, S3.c_algorithm])
def test_a_header_stands_once(server, s3, bucket, way, name):
    """Two values, the same or not, would leave it to chance which counts."""
    headers = S3.trio(KEY) if "customer" in name else {S3.method: "AES256"}
    path, query = f"/{bucket}/k", [("uploads", None)] if way == "initiate" else []
    more = S3.copy_source(bucket, "source") if way == "copy" else {}
    request = signing.Request("POST" if way == "initiate" else "PUT", path, query, headers | more)
    # Signed with both values joined, as the rules of signatures say; sent as two lines.
    twice = dict(request.headers, **{name: f"{headers[name]},{headers[name]}"})
    joined = signing.Request(request.method, path, query, twice)
    signing.sign_v4(joined, server)
    reply = send_twice(joined, server, name, headers[name])
    assert b"400 Bad Request" in reply.split(b"\r\n")[0] and b"InvalidArgument" in reply
    nothing_new(s3, bucket)


def send_twice(request, server, name, value):
    """Sends a request with one header on two lines."""
    lines = [f"{request.method} {request.path}{'?uploads' if request.query else ''} HTTP/1.1",
             f"Host: 127.0.0.1:{server.port}", "Content-Length: 0", "Connection: close"]  # fmt: skip
    for n, v in request.headers.items():
        lines += [f"{n}: {value}"] * 2 if n == name else [f"{n}: {v}"]
    return signing.raw(server, ("\r\n".join(lines) + "\r\n\r\n").encode(), tls=True)


# ---- who decides ----------------------------------------------------------------------------------------------------

DEFAULTS = ["nothing", "AES256", "aws:kms", "aws:kms and a key", "aws:kms, a key and a bucket key"]
ASKED = {
    "nothing": {},
    "AES256": {S3.method: "AES256"},
    "aws:kms": {S3.method: "aws:kms"},
    "aws:kms and a key": {S3.method: "aws:kms", S3.key_id: "{other}"},
    "a customer key": S3.trio(KEY),
    "no bucket key": {S3.bucket_key: "false"},
    "a bucket key": {S3.bucket_key: "true"},
    "a key alone": {S3.key_id: "{other}"},
}


def decided(default, asked):
    """(method, key, bucket key), or a code. Keys: `own` is the default's, `other` the request's, `account` the account's."""
    of_bucket = {
        "nothing": (None, None, False), "AES256": ("AES256", None, False), "aws:kms": ("aws:kms", "account", False),
        "aws:kms and a key": ("aws:kms", "own", False), "aws:kms, a key and a bucket key": ("aws:kms", "own", True),
    }[default]  # fmt: skip
    inherits_kms = of_bucket[0] == "aws:kms"
    return {
        "nothing": of_bucket,
        "AES256": ("AES256", None, False),
        # Without a key id the default's key serves, if the default has one.
        "aws:kms": ("aws:kms", of_bucket[1] if inherits_kms else "account", of_bucket[2]),
        "aws:kms and a key": ("aws:kms", "other", of_bucket[2]),
        "a customer key": ("SSE-C", None, False),
        # Without SSE-KMS there is nothing for a bucket key to do.
        "no bucket key": (of_bucket[0], of_bucket[1], False),
        "a bucket key": (of_bucket[0], of_bucket[1], inherits_kms),
        "a key alone": "InvalidArgument",
    }[asked]  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize("way", WRITES)
def test_precedence(server, s3, bucket, cmk, other_cmk, account_key, way, default, asked):
    if default != "nothing":
        flag = True if "bucket key" in default else None
        set_default(server, bucket, re.match(r"[\w:]+", default)[0], cmk if "a key" in default else None, flag)
    reply = write(server, S3, way, bucket, {n: v.format(other=other_cmk) for n, v in ASKED[asked].items()})
    wanted = decided(default, asked)
    if wanted == "InvalidArgument":
        expect(reply, 400, wanted)
        nothing_new(s3, bucket)
        return
    assert reply.status in (200, 204), reply.body
    told = encryption_of(reply, S3)
    method = "SSE-C" if "server-side-encryption-customer-algorithm" in told else told.get("server-side-encryption")
    key = {cmk: "own", other_cmk: "other", account_key: "account"}.get(told.get("server-side-encryption-aws-kms-key-id"))
    assert (method, key, told.get("server-side-encryption-bucket-key-enabled") == "true") == wanted
    # What was asked for a single object changes nothing in the bucket.
    if default == "nothing":
        reply = S3.send(server, "GET", bucket, query=[("encryption", None)])
        expect(reply, 404, "ServerSideEncryptionConfigurationNotFoundError")


def test_a_policy_is_asked_before_headers_are_judged(server, s3, bucket):
    """Where all but AES256 is denied, nonsense is denied too, and not corrected."""
    said = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    policy = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
              "Condition": said}  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    set_default(server, bucket, "AES256")
    denied = [{}, {S3.method: "AES192"}, {S3.method: "aws:kms"}, {S3.c_algorithm: "AES192"}, S3.trio(KEY), {S3.method: ""}]
    for headers in denied:
        for way in WRITES:
            expect(write(server, S3, way, bucket, headers), 403, "AccessDenied")
    for way in WRITES:
        assert write(server, S3, way, bucket, {S3.method: "AES256"}).status in (200, 204)


# ---- the default of a bucket ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [None, True, False])
@pytest.mark.parametrize("form", ["ARN", "id", "alias", "nothing"])
def test_a_default_comes_back_as_it_was_given(server, kms, bucket, cmk, form, flag):
    alias = f"alias/{uuid.uuid4().hex}"
    kms.create_alias(AliasName=alias, TargetKeyId=cmk)
    given = {"ARN": cmk, "id": cmk.rsplit("/")[-1], "alias": alias, "nothing": None}[form]
    set_default(server, bucket, "aws:kms", given, flag)
    reply = expect(S3.send(server, "GET", bucket, query=[("encryption", None)]), 200)
    shown = dict(re.findall(r"<(\w+)>([^<]+)</\1>", reply.body.decode()))
    wanted = {"SSEAlgorithm": "aws:kms", "BucketKeyEnabled": str(bool(flag)).lower()}
    assert shown == wanted | ({"KMSMasterKeyID": given} if given else {})
    assert b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' in reply.body
    put = expect(S3.send(server, "PUT", bucket, "k", b"x"), 200)
    assert form == "nothing" or put.headers[S3.key_id] == cmk


def test_a_bucket_key_flag_without_kms_is_taken_and_without_effect(server, bucket):
    set_default(server, bucket, "AES256", flag=True)
    told = encryption_of(expect(S3.send(server, "PUT", bucket, "k", b"x"), 200), S3)
    assert told == {"server-side-encryption": "AES256"}


def test_documents_carry_their_digest_or_none(server, bucket):
    text = document(rule("AES256"))
    digest = base64.b64encode(hashlib.md5(text).digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    put = lambda headers: S3.send(server, "PUT", bucket, body=text, headers=headers, query=[("encryption", None)])  # noqa: E731
    expect(put({"Content-MD5": wrong}), 400, "BadDigest")
    expect(put({"Content-MD5": "x"}), 400, "InvalidDigest")
    expect(S3.send(server, "GET", bucket, query=[("encryption", None)]), 404)
    expect(put({"Content-MD5": digest}), 200)


@pytest.mark.parametrize("word", ["SSE-C", "aws:kms:dsse", "AES256 ", "", "sm4"])
def test_what_cannot_be_a_default(server, bucket, word):
    reply = S3.send(server, "PUT", bucket, body=document(rule(word)), query=[("encryption", None)])
    if word.strip() == "AES256":
        expect(reply, 200)  # blanks around a word mean nothing
    else:
        assert reply.status == (501 if "dsse" in word else 400) and reply.code in ("MalformedXML", "NotImplemented")


@pytest.mark.parametrize("operation", ["PUT", "GET", "DELETE"])
@pytest.mark.parametrize("text", [b"", b"junk", document(rule("AES256"))])
def test_the_default_of_a_bucket_that_is_not_there(server, operation, text):
    reply = S3.send(server, operation, "no-such-bucket-anywhere", body=text, query=[("encryption", None)])
    expect(reply, 404, "NoSuchBucket")


# ---- contexts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bucket_key", [False, True], ids=["object", "bucket key"])
def test_the_key_service_is_told_the_context_and_where_it_belongs(server, kms, s3, bucket, bucket_key):
    """A key policy that lets a user only with a context shows what the key service is told: the caller's pairs and the
    ARN of the object, or of the bucket where a bucket key is asked for."""
    made = kms.create_key()["KeyMetadata"]
    name = f"u-{uuid.uuid4().hex[:12]}"
    who = As(server, identities.make_user(server, name, [allow("s3:*")]))
    number = made["AWSAccountId"]
    resource = f"arn:aws:s3:::{bucket}" + ("" if bucket_key else "/k")
    told = {"kms:EncryptionContext:aws:s3:arn": resource, "kms:EncryptionContext:department": "finance"}
    kms.put_key_policy(KeyId=made["KeyId"], PolicyName="default", Policy=identities.document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{number}:root"}),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": f"arn:aws:iam::{number}:user/{name}"},
              Condition={"StringEquals": told}),
    ))  # fmt: skip
    headers = {S3.method: "aws:kms", S3.key_id: made["Arn"]} | ({S3.bucket_key: "true"} if bucket_key else {})
    good = headers | {CONTEXT: FINANCE}
    expect(S3.send(who, "PUT", bucket, "k", b"hello", good), 200)
    got = expect(S3.send(who, "GET", bucket, "k"), 200)
    assert got.body == b"hello" and CONTEXT not in got.headers
    expect(S3.send(who, "PUT", bucket, "k", b"hello", headers), 403, "AccessDenied")
    there = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=there)
    expect(S3.send(who, "PUT", there, "k", b"hello", good), 403, "AccessDenied")
    another = S3.send(who, "PUT", bucket, "another", b"hello", good)
    expect(another, 200) if bucket_key else expect(another, 403, "AccessDenied")
    expect(S3.send(server, "PUT", bucket, "k", b"without a context", headers), 200)
    expect(S3.send(who, "GET", bucket, "k"), 403, "AccessDenied")


def test_a_copy_does_not_carry_its_source_s_context(server, kms, s3, bucket):
    made = kms.create_key()["KeyMetadata"]
    headers = {S3.method: "aws:kms", S3.key_id: made["Arn"]}
    expect(S3.send(server, "PUT", bucket, "k", b"hello", headers | {CONTEXT: FINANCE}), 200)
    copied = expect(S3.send(server, "PUT", bucket, "copy", headers=headers | S3.copy_source(bucket, "k")), 200)
    assert CONTEXT not in copied.headers
    kms.put_key_policy(KeyId=made["KeyId"], PolicyName="default", BypassPolicyLockoutSafetyCheck=True,
                       Policy=identities.document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{made['AWSAccountId']}:root"}),
        identities.deny("kms:Decrypt", Principal="*",
                        Condition={"StringEquals": {"kms:EncryptionContext:department": "finance"}}),
    ))  # fmt: skip
    expect(S3.send(server, "GET", bucket, "k"), 403, "AccessDenied")
    assert expect(S3.send(server, "GET", bucket, "copy"), 200).body == b"hello"


# ---- digests, checksums, partial and conditional reads --------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("operation", ["put", "upload part"])
def test_digests_are_of_the_plaintext_and_a_wrong_one_leaves_nothing(server, s3, bucket, cmk, method, operation):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    right, wrong = (base64.b64encode(hashlib.md5(data).digest()).decode() for data in (b"hello", b"other"))
    upload = begin(server, S3, bucket, headers)

    def send(digest):
        if operation == "put":
            return S3.send(server, "PUT", bucket, "k", b"hello", headers | {"Content-MD5": digest})
        return send_part(server, S3, bucket, upload, read | {"Content-MD5": digest})

    expect(send(wrong), 400, "BadDigest")
    expect(send("short"), 400, "InvalidDigest")
    assert names(s3, bucket) == ["source"] and "Parts" not in s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)
    expect(send(right), 200)


def crc64_nvme(data):
    """The reflected CRC-64 of NVMe's specification, bit by bit."""
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return base64.b64encode((crc ^ (1 << 64) - 1).to_bytes(8, "big")).decode()


@pytest.mark.parametrize("method", METHODS)
def test_every_object_has_a_checksum_of_its_plaintext(server, bucket, cmk, method):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    put = expect(S3.send(server, "PUT", bucket, "k", b"hello", headers), 200)
    wanted = {"x-amz-checksum-crc64nvme": crc64_nvme(b"hello"), "x-amz-checksum-type": "FULL_OBJECT"}
    checksum_of = lambda reply: {n: v for n, v in reply.headers.items() if n.startswith("x-amz-checksum")}  # noqa: E731
    assert checksum_of(put) == wanted
    asked = read | {"x-amz-checksum-mode": "ENABLED"}
    for operation in ("GET", "HEAD"):
        assert checksum_of(S3.send(server, operation, bucket, "k", headers=asked)) == wanted
        assert checksum_of(S3.send(server, operation, bucket, "k", headers=read)) == {}, "only when it is asked for"
    partial = S3.send(server, "GET", bucket, "k", headers=asked | {"Range": "bytes=0-1"})
    assert partial.status == 206 and checksum_of(partial) == {}


@pytest.mark.parametrize("method", METHODS)
def test_partial_and_conditional_reads(server, bucket, cmk, method):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    tag = expect(S3.send(server, "PUT", bucket, "k", b"hello", headers), 200).headers["etag"]
    get = lambda **more: S3.send(  # noqa: E731
        server, "GET", bucket, "k", headers=read | {n.replace("_", "-"): v for n, v in more.items()}
    )
    for range_, status, data in [
        ("bytes=1-2", 206, b"el"), ("bytes=-2", 206, b"lo"), ("bytes=3-99", 206, b"lo"), ("bytes=0-0,2-2", 200, b"hello"),
        ("bytes=3-1", 200, b"hello"), ("bytes=x", 200, b"hello"), ("bytes=5-", 416, None), ("bytes=-0", 416, None),
    ]:  # fmt: skip
        reply = get(Range=range_)
        assert reply.status == status and data in (None, reply.body), range_
        assert status == 416 or encryption_of(reply, S3) == told_of(method, "get", reply.headers.get(S3.key_id))
    assert get(If_None_Match=tag).status == 304 and get(If_Match='"0"').status == 412
    part = S3.send(server, "GET", bucket, "k", headers=read, query=[("partNumber", "1")])
    assert part.status == 206 and part.body == b"hello"
    both = S3.send(server, "GET", bucket, "k", headers=read | {"Range": "bytes=0-0"}, query=[("partNumber", "1")])
    expect(both, 400, "InvalidRequest")


def test_conditions_are_not_answered_without_the_customer_key(server, bucket):
    """Neither 304 nor 412 comes before the key: they would tell the ETag."""
    tag = expect(S3.send(server, "PUT", bucket, "k", b"hello", S3.trio(KEY)), 200).headers["etag"]
    for headers, status in [({}, 400), (S3.trio(OTHER), 403)]:
        for condition in ({"If-None-Match": tag}, {"If-Match": '"0"'}, {"If-Modified-Since": "Mon, 01 Jan 2120 00:00:00 GMT"}):
            for operation in ("GET", "HEAD"):
                reply = S3.send(server, operation, bucket, "k", headers=headers | condition)
                assert reply.status == status and "etag" not in reply.headers


# Every way to learn something of an object's content.
CONTENT = {
    "get": ("GET", [], {}),
    "head": ("HEAD", [], {}),
    "a range": ("GET", [], {"Range": "bytes=0-0"}),
    "a part": ("GET", [("partNumber", "1")], {}),
    "head of a part": ("HEAD", [("partNumber", "1")], {}),
    "the checksum": ("HEAD", [], {"x-amz-checksum-mode": "ENABLED"}),
    "attributes": ("GET", [("attributes", None)], {"x-amz-object-attributes": "ETag,Checksum,ObjectParts,ObjectSize"}),
    "a query": ("POST", [("select", None), ("select-type", "2")], {}),
}


@pytest.mark.parametrize("size", [0, 5])
@pytest.mark.parametrize("way", CONTENT)
def test_a_wrong_customer_key_is_refused_by_every_read(server, bucket, way, size):
    """What is not offered is refused to everybody, and tells nothing either."""
    verb, query, more = CONTENT[way]
    offered = way != "a query"
    data = b"hello"[:size]
    expect(S3.send(server, "PUT", bucket, "k", data, S3.trio(KEY)), 200)
    for key in (None, OTHER, KEY):
        reply = S3.send(server, verb, bucket, "k", headers=more | (S3.trio(key) if key else {}), query=query)
        if not offered:
            assert reply.status == 501, (reply.status, reply.body)
        elif key is KEY:
            assert reply.status in (200, 206) or (size == 0 and reply.status == 416)
            continue
        else:
            assert reply.status == (400 if key is None else 403), (reply.status, reply.body)
        assert "etag" not in reply.headers and not any("checksum" in n for n in reply.headers)
        assert b"hello" not in reply.body


@pytest.mark.parametrize("d", [S3, Dialect("obs")], ids=["s3", "obs"])
def test_a_list_of_parts_tells_nothing_that_needs_the_customer_key(server, s3, bucket, d):
    """With the key and without any it is the same: sizes, and ETags of ciphertext, no digest of plaintext. A key that is
    sent must be the upload's."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256", **KEY.arguments())["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"hello", ChecksumAlgorithm="SHA256",
                          **KEY.arguments())  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(b"hello").digest())
    listed = lambda headers, tls=True: d.send(  # noqa: E731
        server, "GET", bucket, "m", headers=headers, query=[("uploadId", upload)], tls=tls
    )
    for headers in ({}, d.trio(KEY)):
        reply = expect(listed(headers), 200)
        assert digest not in reply.body and hashlib.md5(b"hello").hexdigest().encode() not in reply.body
        assert part["ETag"].strip('"').encode() in reply.body and b"<Size>5</Size>" in reply.body
        assert encryption_of(reply, d) == {}
    for headers, code in [
        (d.trio(OTHER), "InvalidRequest"), ({d.c_algorithm: "AES256"}, "InvalidArgument"),
        ({d.c_key: KEY.base64, d.c_md5: KEY.md5}, "InvalidArgument"), ({**d.trio(KEY), d.c_md5: OTHER.md5}, "InvalidArgument"),
        ({**d.trio(KEY), d.c_algorithm: "AES192"}, "InvalidEncryptionAlgorithmError"),
    ]:  # fmt: skip
        refused = expect(listed(headers), 400, code)
        assert part["ETag"].strip('"').encode() not in refused.body and b"<Size>" not in refused.body
    for headers in (d.trio(KEY), d.trio(OTHER), {d.c_algorithm: "AES256"}):
        expect(listed(headers, tls=False), 400, "InvalidRequest")
    expect(listed({}, tls=False), 200)


@pytest.mark.parametrize("d", [S3, Dialect("obs")], ids=["s3", "obs"])
@pytest.mark.parametrize("began", ["nothing", "AES256", "kms"])
def test_a_list_of_parts_without_a_customer_key_takes_none(server, bucket, d, began):
    upload = begin(server, d, bucket, {"nothing": {}, "AES256": {d.method: "AES256"}, "kms": {d.method: d.kms}}[began])
    expect(send_part(server, d, bucket, upload, {}), 200)
    for headers in (d.trio(KEY), {d.c_algorithm: "AES256"}):
        expect(d.send(server, "GET", bucket, "m", headers=headers, query=[("uploadId", upload)]), 400, "InvalidRequest")


@pytest.mark.parametrize("who", ["disabled key", "no right to decrypt"])
def test_head_needs_the_key_for_a_checksum_only(server, kms, bucket, who):
    made = kms.create_key()["KeyMetadata"]
    expect(S3.send(server, "PUT", bucket, "k", b"hello", {S3.method: "aws:kms", S3.key_id: made["Arn"]}), 200)
    caller, wanted = server, 400
    if who == "disabled key":
        kms.disable_key(KeyId=made["KeyId"])
    else:
        caller, wanted = As(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")])), 403
    head = expect(S3.send(caller, "HEAD", bucket, "k"), 200)
    assert head.headers["content-length"] == "5" and head.headers[S3.key_id] == made["Arn"]
    asked = S3.send(caller, "HEAD", bucket, "k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert asked.status == wanted and not any("crc64" in n for n in asked.headers)


# ---- uploads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beside", ["another key", "a key that does not exist", "another method"])
def test_selectors_on_parts_and_completions_are_not_read(server, bucket, cmk, other_cmk, beside):
    headers = {
        "another key": {S3.method: "aws:kms", S3.key_id: other_cmk},
        "a key that does not exist": {S3.method: "aws:kms", S3.key_id: ABSENT_KEY},
        "another method": {S3.method: "AES256"},
    }[beside]
    upload = begin(server, S3, bucket, {S3.method: "aws:kms", S3.key_id: cmk})
    for copied in (False, True):
        part = expect(send_part(server, S3, bucket, upload, headers, copied), 200)
        assert part.headers[S3.key_id] == cmk
    done = expect(complete(server, S3, bucket, upload, tag_of(part), headers), 200)
    assert done.headers[S3.key_id] == cmk


def test_a_completion_with_a_wrong_customer_key_completes_nothing(server, s3, bucket):
    upload = begin(server, S3, bucket, S3.trio(KEY))
    part = expect(send_part(server, S3, bucket, upload, S3.trio(KEY)), 200)
    for wrong in (S3.trio(OTHER), {S3.c_algorithm: "AES256"}, {**S3.trio(KEY), S3.c_md5: OTHER.md5}):
        assert complete(server, S3, bucket, upload, tag_of(part), wrong).status in (400, 403)
        assert names(s3, bucket) == ["source"]
    done = expect(complete(server, S3, bucket, upload, tag_of(part), S3.trio(KEY)), 200)
    assert encryption_of(done, S3) == told_of("SSE-C", "get", None)
    assert expect(S3.send(server, "GET", bucket, "m", headers=S3.trio(KEY)), 200).body == b"hello"


def test_a_completion_needs_the_customer_key_where_a_checksum_was_named(server, s3, bucket):
    """The checksum of the whole cannot be had without it. Where none was named, the parts may carry what they like."""
    for named, algorithm in [({}, None), ({"x-amz-checksum-algorithm": "CRC32"}, "CRC32"), ({"x-amz-checksum-algorithm": "SHA256"}, "SHA256")]:
        upload = begin(server, S3, bucket, S3.trio(KEY) | named)
        crc = {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()}
        sent = {} if algorithm == "SHA256" else crc
        part = expect(send_part(server, S3, bucket, upload, S3.trio(KEY) | sent), 200)
        value = next(v for n, v in part.headers.items() if n in ("x-amz-checksum-crc32", "x-amz-checksum-sha256"))
        leaf = f"<Checksum{algorithm}>{value}</Checksum{algorithm}>" if algorithm else ""
        document = (
            f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag_of(part)}</ETag>{leaf}</Part>"
            "</CompleteMultipartUpload>"
        ).encode()
        finish = lambda headers: S3.send(server, "POST", bucket, "m", document, headers, [("uploadId", upload)])  # noqa: B023, E731
        if algorithm:
            expect(finish({}), 400, "InvalidRequest")
            assert names(s3, bucket) == ["source"], "and the upload is still there"
            expect(finish(S3.trio(KEY)), 200)
        else:
            expect(finish({}), 200)
        asked = S3.trio(KEY) | {"x-amz-checksum-mode": "ENABLED"}
        got = expect(S3.send(server, "GET", bucket, "m", headers=asked), 200)
        assert got.body == b"hello"
        assert any(n.startswith("x-amz-checksum") for n in got.headers) == bool(algorithm)
        expect(S3.send(server, "DELETE", bucket, "m"), 204)


@pytest.mark.parametrize("method", METHODS)
def test_an_upload_is_no_object_and_its_last_part_may_be_empty(server, s3, bucket, cmk, method):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    upload = begin(server, S3, bucket, headers)
    query = [("partNumber", "7"), ("uploadId", upload)]
    part = expect(S3.send(server, "PUT", bucket, "m", b"", read, query), 200)
    expect(S3.send(server, "GET", bucket, "m", headers=read, query=[("partNumber", "7")]), 404, "NoSuchKey")
    (listed,) = s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)["Parts"]
    assert (listed["PartNumber"], listed["Size"], listed["ETag"]) == (7, 0, part.headers["etag"])
    expect(complete(server, S3, bucket, upload, part.headers["etag"], number=7), 200)
    got = expect(S3.send(server, "GET", bucket, "m", headers=read), 200)
    assert got.body == b"" and got.headers["etag"].endswith('-1"')


# ---- signatures, signed URLs, the suite's own wishes ----------------------------------------------------------------


@pytest.mark.parametrize("method", ["SSE-S3", "SSE-KMS", "SSE-KMS, bucket key"])
def test_parameters_of_a_signed_url_are_headers(server, bucket, cmk, method):
    query = [(n, quote(v, safe="")) for n, v in asked_as(method, cmk).items()]
    request = signing.presign_v4(signing.Request("PUT", f"/{bucket}/k", query, {}, b"x"), server)
    assert encryption_of(expect(signing.send(request, server, tls=True), 200), S3) == told_of(method, "put", cmk)


@pytest.mark.parametrize("operation", ["PUT", "GET"])
@pytest.mark.parametrize("dialect", ["s3", "obs"])
def test_a_customer_key_is_never_taken_from_a_url(server, s3, bucket, dialect, operation):
    """It would stand in every log on the way."""
    d = Dialect(dialect)
    expect(d.send(server, "PUT", bucket, "k", b"before", d.trio(KEY)), 200)
    query = [(n, quote(v, safe="")) for n, v in d.trio(KEY).items()]
    if dialect == "s3":
        request = signing.presign_v4(signing.Request(operation, f"/{bucket}/k", query, {}, b""), server)
        reply = signing.send(request, server, tls=True)
    else:
        # The names are OBS's own and therefore signed.
        request = signing.presign_obs(signing.Request(operation, "/k", query, {}, b""), server, bucket)
        reply = signing.send(request, server, tls=True, host=f"{bucket}.{DOMAIN}:{server.port}")
    assert reply.status in (400, 403) and b"before" not in reply.body
    assert KEY.base64.encode() not in reply.body
    assert expect(d.send(server, "GET", bucket, "k", headers=d.trio(KEY)), 200).body == b"before"


def test_sse_kms_may_be_closed_to_older_signatures(make_server):
    server = make_server("--accept-v2-for-kms", "off")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="older")
    s3.put_object(Bucket="older", Key="k", Body=b"x", ServerSideEncryption="aws:kms")

    def v2(verb, name, headers=None, copies=False, query=()):
        body = b"x" if verb == "PUT" and not copies else b""
        request = signing.Request(verb, f"/older/{name}", list(query), dict(headers or {}), body)
        return signing.send(signing.sign_obs(request, server, scheme="AWS"), server, tls=True)

    expect(v2("PUT", "new", {S3.method: "aws:kms"}), 400, "InvalidArgument")
    expect(v2("GET", "k"), 400, "InvalidArgument")
    # Nor by way of a copy, or of a part that is copied, whatever the target is sealed with.
    from_sealed, upload = S3.copy_source("older", "k"), begin(server, S3, "older", {})
    for more in ({}, {S3.method: "AES256"}, {S3.method: "aws:kms"}):
        expect(v2("PUT", "new", from_sealed | more, copies=True), 400, "InvalidArgument")
    part = [("partNumber", "1"), ("uploadId", upload)]
    expect(v2("PUT", "m", from_sealed, copies=True, query=part), 400, "InvalidArgument")
    expect(S3.send(server, "PUT", "older", "copied", headers=from_sealed), 200)
    s3.delete_object(Bucket="older", Key="copied")
    expect(v2("PUT", "new", {S3.method: "AES256"}), 200)
    assert expect(v2("GET", "new"), 200).body == b"x"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="older")["Contents"]] == ["k", "new"]


def test_what_the_suite_of_ceph_wants(make_server):
    server = make_server("--compat", "ceph")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="suite")
    expect(S3.send(server, "PUT", "suite", "k", b"x", {S3.method: "aws:kms"}), 400, "InvalidArgument")
    with pytest.raises(ClientError):
        s3.head_object(Bucket="suite", Key="k")
    expect(S3.send(server, "PUT", "suite", "k", b"x", S3.trio(KEY)), 200)
    for operation in READS:
        assert S3.send(server, operation.upper(), "suite", "k", headers=S3.trio(OTHER)).status == 400
    # 4: an upload under a customer key is completed with it. OBS's clients never send it, and need not.
    for d, status in [(S3, 400), (Dialect("obs"), 200)]:
        upload = begin(server, d, "suite", d.trio(KEY))
        part = expect(send_part(server, d, "suite", upload, d.trio(KEY)), 200)
        expect(complete(server, d, "suite", upload, part.headers["etag"]), status, *(["InvalidRequest"] if status == 400 else []))
        if status == 400:
            expect(complete(server, d, "suite", upload, part.headers["etag"], d.trio(KEY)), 200)
        assert expect(d.send(server, "GET", "suite", "m", headers=d.trio(KEY)), 200).body == b"hello"
    # 6: a part beyond the last.
    expect(S3.send(server, "GET", "suite", "m", headers=S3.trio(KEY), query=[("partNumber", "2")]), 400, "InvalidPart")
    # 8: any object is enough, none is not.
    s3.put_object(Bucket="suite", Key="there", Body=b"x")
    for name, status, codes in [("there", 200, []), ("absent", 404, ["NoSuchKey"])]:
        expect(S3.send(server, "PUT", "suite", name, b"y", {"If-Match": "*"}), status, *codes)
        upload = s3.create_multipart_upload(Bucket="suite", Key=name)["UploadId"]
        query = [("partNumber", "1"), ("uploadId", upload)]
        tag = expect(S3.send(server, "PUT", "suite", name, b"z", query=query), 200).headers["etag"]
        listed = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        expect(S3.send(server, "POST", "suite", name, document, {"If-Match": "*"}, query[1:]), status, *codes)


def test_where_aws_differs_from_the_suite(server, s3, bucket):
    """The same rows without the switch."""
    upload = begin(server, S3, bucket, S3.trio(KEY))
    part = expect(send_part(server, S3, bucket, upload, S3.trio(KEY)), 200)
    expect(complete(server, S3, bucket, upload, part.headers["etag"]), 200)
    expect(S3.send(server, "GET", bucket, "m", headers=S3.trio(KEY), query=[("partNumber", "2")]), 416, "InvalidPartNumber")
    expect(S3.send(server, "PUT", bucket, "source", b"y", {"If-Match": "*"}), 501, "NotImplemented")
    upload = begin(server, S3, bucket, {})
    part = expect(send_part(server, S3, bucket, upload, {}), 200)
    expect(complete(server, S3, bucket, upload, part.headers["etag"], {"If-Match": "*"}), 501, "NotImplemented")


# ---- copies (§11) ---------------------------------------------------------------------------------------------------


def checksums_of(server, bucket, name, read):
    head = expect(S3.send(server, "HEAD", bucket, name, headers=read | {"x-amz-checksum-mode": "ENABLED"}), 200)
    return {n.removeprefix("x-amz-checksum-"): v for n, v in head.headers.items() if n.startswith("x-amz-checksum-")}


def source_of(method, bucket, name):
    return S3.copy_source(bucket, name) | (S3.source(KEY) if method == "SSE-C" else {})


@pytest.mark.parametrize("method", METHODS)
def test_a_copy_keeps_the_algorithm_of_its_source(server, bucket, cmk, method):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    crc = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    expect(S3.send(server, "PUT", bucket, "of", b"hello", headers | {"x-amz-checksum-sha256": digest}), 200)
    for to in METHODS:
        asked, key = asked_as(to, cmk), S3.trio(KEY) if to == "SSE-C" else {}
        expect(S3.send(server, "PUT", bucket, "copy", headers=asked | source_of(method, bucket, "of")), 200)
        assert checksums_of(server, bucket, "copy", key) == {"sha256": digest, "type": "FULL_OBJECT"}
        another = {"x-amz-checksum-algorithm": "CRC32"}
        reply = expect(S3.send(server, "PUT", bucket, "copy", headers=asked | another | source_of(method, bucket, "of")), 200)
        assert f"<ChecksumCRC32>{crc}</ChecksumCRC32>".encode() in reply.body and b"SHA256" not in reply.body
        assert checksums_of(server, bucket, "copy", key) == {"crc32": crc, "type": "FULL_OBJECT"}
    unknown = {"x-amz-checksum-algorithm": "SHA512"}
    expect(S3.send(server, "PUT", bucket, "none", headers=unknown | source_of(method, bucket, "of")), 400, "InvalidRequest")
    assert S3.send(server, "HEAD", bucket, "none").status == 404


@pytest.mark.parametrize("method", METHODS)
def test_a_composite_checksum_becomes_one_of_the_whole(server, s3, bucket, cmk, method):
    headers, read = asked_as(method, cmk), S3.trio(KEY) if method == "SSE-C" else {}
    upload = begin(server, S3, bucket, headers | {"x-amz-checksum-algorithm": "SHA256"})
    part = expect(send_part(server, S3, bucket, upload, read), 200)
    leaf = f"<ChecksumSHA256>{part.headers['x-amz-checksum-sha256']}</ChecksumSHA256>"
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{tag_of(part)}</ETag>{leaf}</Part>"
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    expect(S3.send(server, "POST", bucket, "m", document, read, [("uploadId", upload)]), 200)
    assert checksums_of(server, bucket, "m", read)["type"] == "COMPOSITE"
    expect(S3.send(server, "PUT", bucket, "copy", headers=headers | source_of(method, bucket, "m")), 200)
    digest = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    assert checksums_of(server, bucket, "copy", read) == {"sha256": digest, "type": "FULL_OBJECT"}


@pytest.mark.parametrize("default", [None, "AES256", "aws:kms"])
def test_onto_itself_without_headers_where_the_bucket_says_the_same(server, s3, bucket, cmk, default):
    """An explicit default is reason enough, even of the object's own method; without one nothing would change."""
    word = {"AES256": {S3.method: "AES256"}, "aws:kms": {S3.method: "aws:kms", S3.key_id: cmk}, None: {}}[default]
    expect(S3.send(server, "PUT", bucket, "k", b"hello", word), 200)
    before = encryption_of(expect(S3.send(server, "HEAD", bucket, "k"), 200), S3)
    if default is None:
        expect(S3.send(server, "PUT", bucket, "k", headers=S3.copy_source(bucket, "k")), 400, "InvalidRequest")
        return
    rule = {"SSEAlgorithm": default} | ({"KMSMasterKeyID": cmk} if default == "aws:kms" else {})
    s3.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]}
    )
    expect(S3.send(server, "PUT", bucket, "k", headers=S3.copy_source(bucket, "k")), 200)
    assert encryption_of(expect(S3.send(server, "GET", bucket, "k"), 200), S3) == before
    s3.delete_bucket_encryption(Bucket=bucket)
    other = S3.send(server, "PUT", bucket, "k", headers=S3.copy_source(bucket, "k"))
    assert encryption_of(expect(other, 200), S3) == {}, "without the default the copy is plain, which is a change"


@pytest.mark.parametrize("method", METHODS)
def test_conditions_on_an_encrypted_source(server, s3, bucket, cmk, method):
    """They look at the ETag that HEAD, lists and PUT tell."""
    tag = expect(S3.send(server, "PUT", bucket, "of", b"hello", asked_as(method, cmk)), 200).headers["etag"]
    (listed,) = [o["ETag"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"] if o["Key"] == "of"]
    assert listed == tag
    plain = f'"{hashlib.md5(b"hello").hexdigest()}"'
    past, future = "Mon, 01 Jan 2001 00:00:00 GMT", "Mon, 01 Jan 2120 00:00:00 GMT"
    for condition, holds in [
        ({"match": tag}, True), ({"match": '"0"'}, False), ({"none-match": tag}, False), ({"none-match": '"0"'}, True),
        ({"modified-since": past}, True), ({"unmodified-since": past}, False), ({"unmodified-since": future}, True),
        ({"match": plain}, tag == plain), ({"match": tag, "unmodified-since": past}, True),
        ({"none-match": tag, "modified-since": past}, False),
    ]:  # fmt: skip
        headers = source_of(method, bucket, "of") | {f"x-amz-copy-source-if-{n}": v for n, v in condition.items()}
        reply = S3.send(server, "PUT", bucket, "copy", headers=headers)
        assert reply.status == (200 if holds else 412), (condition, reply.body)
        upload = begin(server, S3, bucket, {})
        query = [("partNumber", "1"), ("uploadId", upload)]
        assert S3.send(server, "PUT", bucket, "m", headers=headers, query=query).status == (200 if holds else 412), condition
    if method == "SSE-C":
        # The key comes first: a condition tells nothing to who has another.
        wrong = S3.copy_source(bucket, "of") | S3.source(OTHER) | {"x-amz-copy-source-if-match": '"0"'}
        expect(S3.send(server, "PUT", bucket, "copy", headers=wrong), 403, "AccessDenied")
