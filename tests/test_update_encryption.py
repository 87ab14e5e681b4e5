"""UpdateObjectEncryption: the keys of an object are wrapped anew in place, and nothing else about it changes."""

import base64
import hashlib
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from harness import clients, identities, signing
from harness.identities import allow, deny
from harness.keys import refused
from harness.sse import MIB, CustomerKey, body

ABSENT_KEY = "arn:aws:kms:local-1:000000000001:key/00000000-0000-4000-8000-000000000000"
KEPT = ("ETag", "LastModified", "ContentLength", "ContentType", "Metadata", "ChecksumSHA256")


def update(s3, bucket, name, arn, bucket_key=None, **more):
    to = {"KMSKeyArn": arn} | ({} if bucket_key is None else {"BucketKeyEnabled": bucket_key})
    return s3.update_object_encryption(Bucket=bucket, Key=name, ObjectEncryption={"SSEKMS": to}, **more)


def document(inner, root="ObjectEncryption"):
    return f"<{root}>{inner}</{root}>".encode()


def to_kms(arn, more=""):
    return document(f"<SSE-KMS><KMSKeyArn>{arn}</KMSKeyArn>{more}</SSE-KMS>")


def send(server, bucket, text, name="k", query=(), tls=True, signer=None, headers=None):
    return signing.v4(
        signer or server, "PUT", f"/{bucket}/{name}", text, headers, [("encryption", None), *query], tls
    )  # fmt: skip


def head(s3, bucket, name="k"):
    return s3.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")


@pytest.fixture(scope="module")
def other_cmk(kms):
    return kms.create_key(Description="another")["KeyMetadata"]["Arn"]


class Signer:
    """Signs as somebody else what is sent to the server."""

    def __init__(self, server, credentials):
        self.port, self.control_port, self.ca = server.port, server.control_port, server.ca
        self.access_key, self.secret_key = credentials


SOURCES = {
    "SSE-S3": {"ServerSideEncryption": "AES256"},
    "SSE-KMS": {"ServerSideEncryption": "aws:kms"},
    "SSE-KMS, bucket key": {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True},
}


@pytest.mark.parametrize("bucket_key", [None, False, True])
@pytest.mark.parametrize("source", SOURCES)
def test_another_key_in_place(server, s3, bucket, cmk, other_cmk, source, bucket_key):
    data = body(300_000)
    key = {"SSEKMSKeyId": other_cmk} if "KMS" in source else {}
    s3.put_object(
        Bucket=bucket, Key="k", Body=data, Metadata={"a": "b"}, ContentType="text/x", ChecksumAlgorithm="SHA256",
        **SOURCES[source], **key,
    )  # fmt: skip
    before = head(s3, bucket)
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    reply = update(s3, bucket, "k", cmk, bucket_key)
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200
    after = head(s3, bucket)
    assert (after["ServerSideEncryption"], after["SSEKMSKeyId"]) == ("aws:kms", cmk)
    assert after.get("BucketKeyEnabled", False) == bool(bucket_key), "without being said there is none"
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == data and got["SSEKMSKeyId"] == cmk
    assert s3.list_objects_v2(Bucket=bucket)["Contents"] == listed
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=65535-131073")
    assert part["Body"].read() == data[65535:131074]


def test_an_object_of_parts(s3, bucket, cmk):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ServerSideEncryption="AES256")["UploadId"]
    pieces = [body(5 * MIB + 1, 1), body(7, 2)]
    parts = []
    for number, piece in enumerate(pieces, 1):
        sent = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    before = s3.head_object(Bucket=bucket, Key="k")
    update(s3, bucket, "k", cmk, True)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(pieces)
    assert (got["SSEKMSKeyId"], got["BucketKeyEnabled"], got["ETag"]) == (cmk, True, before["ETag"])
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=2)["Body"].read() == pieces[1]


def test_sm4_stays_sm4(server, s3, bucket, cmk):
    """The operation changes who keeps the key. The data, and so its cipher, stay."""
    headers = {"x-amz-server-side-encryption": "AES256", "x-amz-server-side-data-encryption": "SM4"}
    assert signing.v4(server, "PUT", f"/{bucket}/k", b"x" * 70_000, headers, tls=True).status == 200
    update(s3, bucket, "k", cmk)
    reply = signing.v4(server, "GET", f"/{bucket}/k", tls=True)
    assert reply.body == b"x" * 70_000
    assert reply.headers["x-amz-server-side-data-encryption"] == "SM4"
    assert reply.headers["x-amz-server-side-encryption"] == "aws:kms"


def test_the_old_key_is_needed_no_more(server, s3, kms, bucket, cmk):
    old = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=old)
    kms.disable_key(KeyId=old)
    refused(lambda: update(s3, bucket, "k", cmk), "KMS.DisabledException")
    kms.enable_key(KeyId=old)
    update(s3, bucket, "k", cmk)
    kms.disable_key(KeyId=old)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"
    # A disabled key takes nothing over either, and the object stays as it is.
    refused(lambda: update(s3, bucket, "k", old), "KMS.DisabledException")
    assert head(s3, bucket)["SSEKMSKeyId"] == cmk


def test_sources_that_have_no_managed_key(s3, bucket, cmk):
    key = CustomerKey()
    for source, read in [({}, {}), (key.arguments(), key.arguments())]:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **source)
        refused(lambda: update(s3, bucket, "k", cmk), "InvalidRequest")
        got = s3.get_object(Bucket=bucket, Key="k", **read)
        assert got["Body"].read() == b"data" and "SSEKMSKeyId" not in got


MALFORMED = {
    "not xml": b"hello",
    "cut": to_kms("x")[:-5],
    "another root": document("<SSE-KMS/>", "Encryption"),
    "two methods": document("<SSE-KMS><KMSKeyArn>KEY</KMSKeyArn></SSE-KMS><SSE-S3/>"),
    "two keys": document("<SSE-KMS><KMSKeyArn>KEY</KMSKeyArn><KMSKeyArn>KEY</KMSKeyArn></SSE-KMS>"),
    "an element of no document": document("<SSE-KMS><KMSKeyArn>KEY</KMSKeyArn><Cipher>SM4</Cipher></SSE-KMS>"),
    "entities": b'<!DOCTYPE a [<!ENTITY k "x">]>' + document("<SSE-KMS><KMSKeyArn>&k;</KMSKeyArn></SSE-KMS>"),
}
INVALID = {
    "nothing": document(""),
    "SSE-S3": document("<SSE-S3/>"),
    "SSES3": document("<SSES3/>"),
    "DSSE": document("<DSSE-KMS><KMSKeyArn>KEY</KMSKeyArn></DSSE-KMS>"),
    "SSE-C": document("<SSE-C/>"),
    "no key": document("<SSE-KMS/>"),
    "empty key": to_kms(""),
    "a bare id": to_kms("ID"),
    "an alias": to_kms("alias/aws/s3"),
    "the ARN of an alias": to_kms("arn:aws:kms:local-1:000000000001:alias/aws/s3"),
    "OBS's form": to_kms("local-1:0123456789abcdef0123456789abcdef:key/ID"),
    "the ARN of something else": to_kms("arn:aws:s3:::bucket"),
    "a flag that is none": to_kms("KEY", "<BucketKeyEnabled>yes</BucketKeyEnabled>"),
}


@pytest.mark.parametrize("case", [*MALFORMED, *INVALID])
def test_documents_that_are_refused(server, s3, bucket, cmk, case):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    text = (MALFORMED | INVALID)[case].replace(b"KEY", cmk.encode()).replace(b"ID", cmk.rsplit("/")[-1].encode())
    reply = send(server, bucket, text)
    assert (reply.status, reply.code) == (400, "MalformedXML" if case in MALFORMED else "InvalidRequest"), reply
    assert head(s3, bucket)["ServerSideEncryption"] == "AES256"


def test_what_else_is_refused(server, s3, bucket, cmk):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    refused(lambda: update(s3, bucket, "k", ABSENT_KEY), "KMS.NotFoundException")
    refused(lambda: update(s3, bucket, "k", cmk.replace("local-1", "other-9")), "KMS.NotFoundException")
    refused(lambda: update(s3, bucket, "missing", cmk), "NoSuchKey")
    refused(lambda: update(s3, f"no-{uuid.uuid4().hex}", "k", cmk), "NoSuchBucket")
    refused(lambda: update(s3, bucket, "k", cmk, VersionId="0" * 32), "NoSuchVersion")
    assert send(server, bucket, b"").code == "MissingRequestBodyError"
    # A digest of the document, if nothing else covers it; and a wrong one is told.
    bad = send(server, bucket, to_kms(cmk), headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="})
    assert (bad.status, bad.code) == (400, "BadDigest")
    unsigned = signing.Request("PUT", f"/{bucket}/k", [("encryption", None)], {}, to_kms(cmk))
    signing.sign_v4(unsigned, server, payload="UNSIGNED-PAYLOAD")
    reply = signing.send(unsigned, server, tls=True)
    assert (reply.status, reply.code) == (400, "InvalidRequest")
    # The transport, as for a write under SSE-KMS, before the document.
    for text in (to_kms(cmk), b"hello"):
        reply = send(server, bucket, text, tls=False)
        assert (reply.status, reply.code) == (400, "InvalidRequest") and b"secure connection" in reply.body
    assert head(s3, bucket)["ServerSideEncryption"] == "AES256"
    update(s3, bucket, "k", cmk, VersionId="null")
    assert head(s3, bucket)["SSEKMSKeyId"] == cmk


def test_signatures_of_version_2_do_not_suffice(server, s3, bucket, cmk):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    request = signing.Request("PUT", f"/{bucket}/k", [("encryption", None)], {}, to_kms(cmk))
    reply = signing.send(signing.sign_obs(request, server, scheme="AWS"), server, tls=True)
    assert (reply.status, reply.code) == (400, "InvalidRequest") and b"Version 4" in reply.body
    assert head(s3, bucket)["ServerSideEncryption"] == "AES256"
    # A URL signed by version 4 does, with a digest of the document among its headers.
    text = to_kms(cmk)
    digest = {"Content-MD5": base64.b64encode(hashlib.md5(text).digest()).decode()}
    url = signing.presign_v4(signing.Request("PUT", f"/{bucket}/k", [("encryption", None)], digest, text), server)
    assert signing.send(url, server, tls=True).status == 200
    assert head(s3, bucket)["SSEKMSKeyId"] == cmk


def test_obs_has_no_such_operation(server, s3, bucket, cmk):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    reply = signing.obs(server, "PUT", "/k", bucket, to_kms(cmk), query=[("encryption", None)], tls=True)
    assert (reply.status, reply.code) == (501, "ServiceNotImplemented")
    unknown = signing.obs(server, "GET", "/k", bucket, query=[("encryption", None)], tls=True)
    assert (unknown.status, unknown.code) == (501, "ServiceNotImplemented"), "as any other sub-resource of objects"
    assert head(s3, bucket)["ServerSideEncryption"] == "AES256"


# ---- rights ---------------------------------------------------------------------------------------------------------

S3_RIGHTS = allow(["s3:UpdateObjectEncryption", "s3:GetObject"])
KEY_RIGHTS = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]


def person(server, *statements):
    return identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", list(statements) or None)


def test_the_right_to_the_object_and_to_both_keys(server, s3, kms, bucket, cmk, other_cmk):
    """Each missing alone is a refusal; and whoever may not use a key learns nothing of its state or existence."""
    disabled = kms.create_key()["KeyMetadata"]["Arn"]
    kms.disable_key(KeyId=disabled)

    def put():
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)

    put()
    source = allow("kms:Decrypt", cmk)
    for statements in (
        [allow("s3:*"), source, allow(["kms:GenerateDataKey", "kms:DescribeKey"], other_cmk)],  # no Encrypt
        [allow("s3:*"), allow(KEY_RIGHTS, other_cmk)],  # nothing to the source's key
        [allow(["s3:PutObject", "s3:GetObject", "s3:ListBucket"]), allow("kms:*")],  # nothing to the operation
    ):
        client = identities.s3(server, person(server, *statements))
        refused(lambda: update(client, bucket, "k", other_cmk), "AccessDenied")
        assert head(s3, bucket)["SSEKMSKeyId"] == cmk
    without = identities.s3(server, person(server, S3_RIGHTS))
    for arn in (other_cmk, disabled, ABSENT_KEY):
        refused(lambda: update(without, bucket, "k", arn), "AccessDenied")
    refused(lambda: update(without, bucket, "missing", cmk), "AccessDenied")
    for bucket_key, needed in [(False, "kms:Encrypt"), (True, "kms:GenerateDataKey")]:
        put()
        rights = person(server, S3_RIGHTS, allow("kms:Decrypt", [cmk, other_cmk]), allow(needed, other_cmk))
        update(identities.s3(server, rights), bucket, "k", other_cmk, bucket_key)
        assert head(s3, bucket)["SSEKMSKeyId"] == other_cmk


def test_a_bucket_policy_denies_the_operation_alone(server, s3, bucket, cmk, other_cmk):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    client = identities.s3(server, person(server, allow("s3:*"), allow("kms:*")))
    policy = {"Principal": "*", **deny("s3:UpdateObjectEncryption", f"arn:aws:s3:::{bucket}/k")}
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(policy))
    refused(lambda: update(client, bucket, "k", other_cmk), "AccessDenied")
    # The right comes before the document's sense.
    access_key, secret_key = person(server, allow("s3:*"), allow("kms:*"))
    assert send(server, bucket, b"hello", signer=Signer(server, (access_key, secret_key))).status == 403
    client.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    s3.delete_bucket_policy(Bucket=bucket)
    update(client, bucket, "k", other_cmk)
    assert head(s3, bucket)["SSEKMSKeyId"] == other_cmk


def test_the_anonymous_may_not_even_where_a_policy_lets_them(server, s3, bucket, cmk):
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="AES256")
    policy = {"Principal": "*", **allow("s3:*", [f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"])}
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(policy))
    request = signing.Request("PUT", f"/{bucket}/k", [("encryption", None)], {"x-amz-date": signing.amz_date()}, to_kms(cmk))
    reply = signing.send(request, server, tls=True)
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert head(s3, bucket)["ServerSideEncryption"] == "AES256"


# ---- records of it --------------------------------------------------------------------------------------------------


def test_it_is_on_the_audit_log_and_metered(make_server):
    server = make_server("--audit-objects", "sealed")
    s3, kms = clients.s3(server), clients.kms(server)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x", ServerSideEncryption="AES256")
    reply = update(s3, "bucket", "k", arn, True)
    wanted = reply["ResponseMetadata"]["RequestId"]
    lines = [json.loads(line) for path in sorted((server.data / "audit").glob("*.log")) for line in path.open()]
    (event,) = [line for line in lines if line.get("request_id") == wanted and line["type"] == "object-access"]
    assert (event["operation"], event["outcome"], event["object"]["method"]) == ("UpdateObjectEncryption", "ok", "sse-kms")
    assert event["key"]["arn"] == arn and event["object"]["bucket_key"]
    assert server.counted("strongroom_requests_total", operation="UpdateObjectEncryption", dialect="s3") == 1
    with pytest.raises(ClientError):
        update(s3, "bucket", "k", ABSENT_KEY)
    assert head(s3, "bucket")["SSEKMSKeyId"] == arn
