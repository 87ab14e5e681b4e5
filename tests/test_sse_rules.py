"""The rules of encryption headers, as tables: what contradicts itself, what needs HTTPS, which error comes first, what
answers show; in the S3 dialect and in OBS. After every refusal the bucket is as it was."""

import base64
import json
import uuid

import pytest

from harness import clients, signing
from harness.sse import MIB, SEGMENT, CustomerKey, body

SSE = "server-side-encryption"
KEY = CustomerKey()
OTHER = CustomerKey()
ABSENT_KEY = "00000000-0000-4000-8000-000000000000"


class Dialect:
    """One dialect's way to say the same thing."""

    def __init__(self, name):
        self.name = name
        self.prefix = {"s3": "x-amz-", "obs": "x-obs-"}[name]
        self.kms = {"s3": "aws:kms", "obs": "kms"}[name]
        self.key_id = {"s3": f"x-amz-{SSE}-aws-kms-key-id", "obs": f"x-obs-{SSE}-kms-key-id"}[name]
        self.method = f"{self.prefix}{SSE}"
        self.bucket_key = f"{self.prefix}{SSE}-bucket-key-enabled"
        self.c_algorithm = f"{self.prefix}{SSE}-customer-algorithm"
        self.c_key = f"{self.prefix}{SSE}-customer-key"
        self.c_md5 = f"{self.prefix}{SSE}-customer-key-MD5"

    def send(self, server, method, bucket, name="", body=b"", headers=None, query=(), tls=True):
        path = "/" + name
        if self.name == "obs":
            return signing.obs(server, method, path, bucket, body, headers, query, tls)
        return signing.v4(server, method, f"/{bucket}{path if name else ''}", body, headers, query, tls)

    def trio(self, key=KEY):
        return key.headers(self.prefix)

    def source(self, key=KEY):
        start = f"{self.prefix}copy-source-{SSE}-customer-"
        return {start + "algorithm": "AES256", start + "key": key.base64, start + "key-MD5": key.md5}

    def copy_source(self, bucket, name):
        return {f"{self.prefix}copy-source": f"/{bucket}/{name}"}


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


def expect(reply, status, *codes):
    assert reply.status == status and (not codes or reply.code in codes), (reply.status, reply.code, reply.body[:300])
    return reply


def b64(raw):
    return base64.b64encode(raw).decode()


# ---- misuse on writes -----------------------------------------------------------------------------------------------

MISUSE = {
    "unknown method": (lambda d: {d.method: "AES512"}, "InvalidArgument"),
    "lower-case method": (lambda d: {d.method: "aes256"}, "InvalidArgument"),
    "empty method": (lambda d: {d.method: ""}, "InvalidArgument"),
    "method of another service": (lambda d: {d.method: "aws:fsx"}, "InvalidArgument"),
    "key id with AES256": (lambda d: {d.method: "AES256", d.key_id: ABSENT_KEY}, "InvalidArgument"),
    "key id without a method": (lambda d: {d.key_id: ABSENT_KEY}, "InvalidArgument"),
    "method and customer key": (lambda d: {d.method: "AES256", **d.trio()}, "InvalidArgument"),
    "kms and customer key": (lambda d: {d.method: d.kms, **d.trio()}, "InvalidArgument"),
    "method and customer key of a wrong algorithm": (
        lambda d: {d.method: d.kms, **d.trio(), d.c_algorithm: "AES192"},
        "InvalidArgument",
    ),
    "customer algorithm": (lambda d: {**d.trio(), d.c_algorithm: "AES192"}, "InvalidEncryptionAlgorithmError"),
    "customer key without algorithm": (lambda d: {d.c_key: KEY.base64, d.c_md5: KEY.md5}, "InvalidArgument"),
    "customer algorithm alone": (lambda d: {d.c_algorithm: "AES256"}, "InvalidArgument"),
    "customer key without md5": (lambda d: {d.c_algorithm: "AES256", d.c_key: KEY.base64}, "InvalidArgument"),
    "customer md5 without key": (lambda d: {d.c_algorithm: "AES256", d.c_md5: KEY.md5}, "InvalidArgument"),
    "customer md5 of another key": (lambda d: {**d.trio(), d.c_md5: OTHER.md5}, "InvalidArgument"),
    "customer key of 16 bytes": (lambda d: CustomerKey(b"k" * 16).headers(d.prefix), "InvalidArgument"),
    "customer key of 44 bytes": (lambda d: CustomerKey(KEY.base64.encode()).headers(d.prefix), "InvalidArgument"),
    "customer key of 64 bytes": (lambda d: CustomerKey(b"k" * 64).headers(d.prefix), "InvalidArgument"),
    "customer key not base64": (lambda d: {**d.trio(), d.c_key: "*" * 44}, "InvalidArgument"),
    "bucket key neither true nor false": (lambda d: {d.method: d.kms, d.bucket_key: "yes"}, "InvalidArgument"),
    "absent key": (lambda d: {d.method: d.kms, d.key_id: ABSENT_KEY}, "KMS.NotFoundException"),
    "key of another region": (
        lambda d: {d.method: d.kms, d.key_id: f"arn:aws:kms:other-9:000000000001:key/{ABSENT_KEY}"},
        "KMS.NotFoundException",
    ),
}


@pytest.mark.parametrize("case", MISUSE)
@pytest.mark.parametrize("operation", ["put", "copy", "initiate"])
def test_misuse_on_writes(server, s3, bucket, dialect, case, operation):
    headers, wanted = MISUSE[case][0](dialect), MISUSE[case][1]
    s3.put_object(Bucket=bucket, Key="source", Body=b"source")
    if operation == "put":
        reply = dialect.send(server, "PUT", bucket, "k", b"hello", headers)
    elif operation == "copy":
        reply = dialect.send(server, "PUT", bucket, "k", headers=headers | dialect.copy_source(bucket, "source"))
    else:
        reply = dialect.send(server, "POST", bucket, "k", headers=headers, query=[("uploads", None)])
    expect(reply, 400, wanted)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["source"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    for value in (KEY.base64, KEY.key.hex()):
        assert value.encode() not in reply.body, "an error never gives a customer key back"


def test_obs_asks_for_a_key_id_where_a_bucket_key_is_wanted(server, bucket):
    d = Dialect("obs")
    expect(d.send(server, "PUT", bucket, "k", b"x", {d.method: "kms", d.bucket_key: "true"}), 400, "InvalidArgument")
    d = Dialect("s3")
    expect(d.send(server, "PUT", bucket, "k", b"x", {d.method: "aws:kms", d.bucket_key: "true"}), 200)


def test_what_is_not_offered_is_refused_and_not_ignored(server, s3, bucket):
    """Double encryption is a known name; storing under something weaker would be a lie."""
    amz = Dialect("s3")
    reply = amz.send(server, "PUT", bucket, "k", b"x", {amz.method: "aws:kms:dsse"})
    assert reply.status in (400, 501) and reply.code, reply
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    "context",
    ["not base64 !", b64(b"not json"), b64(b"[]"), b64(b'"x"'), b64(b'{"a":1}'), b64(b'{"a":{"b":"c"}}'), b64(b"\xff"), b64(b"{" * 5000)],
)  # fmt: skip
def test_a_malformed_encryption_context_is_refused(server, bucket, context):
    d = Dialect("s3")
    headers = {d.method: "aws:kms", f"{d.method}-context": context}
    expect(d.send(server, "PUT", bucket, "k", b"x", headers), 400, "InvalidArgument")


def test_an_encryption_context_is_kept_and_not_shown(server, s3, bucket):
    context = b64(json.dumps({"department": "finance"}).encode())
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSEncryptionContext=context)
    reply = signing.v4(server, "GET", f"/{bucket}/k", tls=True)
    assert reply.status == 200 and reply.body == b"x"
    assert not any("context" in name for name in reply.headers)
    s3.copy_object(
        Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}, ServerSideEncryption="aws:kms"
    )  # fmt: skip
    assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == b"x"


# ---- reads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sealed", ["nothing", "AES256", "kms", "bucket key", "customer key"])
def test_reads_refuse_headers_of_writes(server, cmk, bucket, dialect, sealed):
    """Whatever the object is, also where they say what it is; and with the customer key that it needs."""
    kms = {dialect.method: dialect.kms, dialect.key_id: cmk}
    how = {
        "nothing": {}, "AES256": {dialect.method: "AES256"}, "kms": kms,
        "bucket key": kms | {dialect.bucket_key: "true"}, "customer key": dialect.trio(),
    }[sealed]  # fmt: skip
    expect(dialect.send(server, "PUT", bucket, "k", b"x", how), 200)
    read = dialect.trio() if sealed == "customer key" else {}
    expect(dialect.send(server, "GET", bucket, "k", headers=read), 200)
    for more in (
        {dialect.method: "AES256"},
        {dialect.method: dialect.kms},
        {dialect.key_id: ABSENT_KEY},
        {dialect.key_id: cmk},
        {dialect.bucket_key: "true"},
        {f"{dialect.method}-context": b64(b'{"department":"finance"}')},
        {f"{dialect.prefix}server-side-data-encryption": "AES256"},
        {f"{dialect.prefix}server-side-data-encryption": "SM4"},
    ):
        headers = read | more
        expect(dialect.send(server, "GET", bucket, "k", headers=headers), 400, "InvalidArgument")
        assert dialect.send(server, "HEAD", bucket, "k", headers=headers).status == 400


READS_OF_SSE_C = {
    # what the read sends: (S3's answer, OBS's answer)
    "nothing": (lambda d: {}, (400, "InvalidRequest"), (400, "InvalidEncryptionAlgorithmError")),
    "another key": (lambda d: d.trio(OTHER), (403, "AccessDenied"), (400, "InvalidEncryptionAlgorithmError")),
    "algorithm alone": (lambda d: {d.c_algorithm: "AES256"}, (400, "InvalidArgument"), (400, "InvalidArgument")),
    "md5 of another key": (
        lambda d: {**d.trio(), d.c_md5: OTHER.md5},
        (400, "InvalidArgument"),
        (400, "InvalidArgument"),
    ),
    "short key": (
        lambda d: CustomerKey(b"short").headers(d.prefix),
        (400, "InvalidArgument"),
        (400, "InvalidArgument"),
    ),
}


@pytest.mark.parametrize("case", READS_OF_SSE_C)
@pytest.mark.parametrize("size", [0, 1, SEGMENT + 1], ids=["empty", "1 byte", "2 segments"])
def test_reads_of_sse_c_need_the_key(server, bucket, dialect, case, size):
    """The wrong key is refused by every read, that of an empty object included."""
    data = body(size)
    expect(dialect.send(server, "PUT", bucket, "k", data, dialect.trio()), 200)
    headers, s3_answer, obs_answer = READS_OF_SSE_C[case]
    wanted = s3_answer if dialect.name == "s3" else obs_answer
    expect(dialect.send(server, "GET", bucket, "k", headers=headers(dialect)), *wanted)
    head = dialect.send(server, "HEAD", bucket, "k", headers=headers(dialect))
    assert head.status == wanted[0] and head.body == b""
    ranged = headers(dialect) | {"Range": "bytes=0-0"}
    assert dialect.send(server, "GET", bucket, "k", headers=ranged).status == wanted[0]
    good = expect(dialect.send(server, "GET", bucket, "k", headers=dialect.trio()), 200)
    assert good.body == data
    assert good.headers[dialect.c_algorithm] == "AES256" and good.headers[dialect.c_md5.lower()] == KEY.md5
    assert dialect.c_key not in good.headers and dialect.method not in good.headers


def test_customer_keys_for_what_has_none(server, s3, bucket, dialect):
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", ServerSideEncryption="AES256")
    for name in ("plain", "sealed"):
        expect(dialect.send(server, "GET", bucket, name, headers=dialect.trio()), 400, "InvalidRequest")
        assert dialect.send(server, "HEAD", bucket, name, headers=dialect.trio()).status == 400
        copy = dialect.copy_source(bucket, name) | dialect.source()
        expect(dialect.send(server, "PUT", bucket, "copy", headers=copy), 400, "InvalidRequest")


def test_copy_sources_need_their_key(server, s3, bucket, dialect):
    expect(dialect.send(server, "PUT", bucket, "k", b"secret", dialect.trio()), 200)
    plain = dialect.copy_source(bucket, "k")
    missing = "InvalidRequest" if dialect.name == "s3" else "InvalidEncryptionAlgorithmError"
    expect(dialect.send(server, "PUT", bucket, "copy", headers=plain), 400, missing)
    wrong = dialect.send(server, "PUT", bucket, "copy", headers=plain | dialect.source(OTHER))
    assert wrong.status == (403 if dialect.name == "s3" else 400)
    partial = dict(list(dialect.source().items())[:1])
    expect(dialect.send(server, "PUT", bucket, "copy", headers=plain | partial), 400)
    # The target's headers are not the source's.
    assert dialect.send(server, "PUT", bucket, "copy", headers=plain | dialect.trio()).status in (400, 403)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    expect(dialect.send(server, "PUT", bucket, "copy", headers=plain | dialect.source() | dialect.trio(OTHER)), 200)
    copied = expect(dialect.send(server, "GET", bucket, "copy", headers=dialect.trio(OTHER)), 200)
    assert copied.body == b"secret"


def test_deleting_needs_no_key(server, s3, bucket, dialect):
    expect(dialect.send(server, "PUT", bucket, "k", b"x", dialect.trio()), 200)
    expect(dialect.send(server, "DELETE", bucket, "k"), 204)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_the_same_bytes_twice_are_not_alike(server, s3, bucket, dialect):
    tags = set()
    for headers in (dialect.trio(), {dialect.method: dialect.kms}):
        for _ in range(2):
            tags.add(expect(dialect.send(server, "PUT", bucket, "k", b"same", headers), 200).headers["etag"])
    assert len(tags) == 4


# ---- multipart ------------------------------------------------------------------------------------------------------


def upload_id(reply):
    return expect(reply, 200).body.decode().split("<UploadId>")[1].split("</UploadId>")[0]


def test_parts_of_an_sse_c_upload_need_its_key(server, bucket, dialect):
    upload = upload_id(
        dialect.send(server, "POST", bucket, "k", headers=dialect.trio(), query=[("uploads", None)])
    )
    query = [("partNumber", "1"), ("uploadId", upload)]
    for headers in ({}, dialect.trio(OTHER), {**dialect.trio(), dialect.c_md5: OTHER.md5}):
        assert dialect.send(server, "PUT", bucket, "k", b"x", headers, query).status == 400, headers
    sent = expect(dialect.send(server, "PUT", bucket, "k", b"x", dialect.trio(), query), 200)
    assert sent.headers[dialect.c_algorithm] == "AES256"
    plain = upload_id(dialect.send(server, "POST", bucket, "p", query=[("uploads", None)]))
    query = [("partNumber", "1"), ("uploadId", plain)]
    expect(dialect.send(server, "PUT", bucket, "p", b"x", dialect.trio(), query), 400, "InvalidRequest", "InvalidArgument")


def test_an_upload_keeps_the_method_it_began_with(server, s3, cmk, bucket):
    """The bucket's default changes meanwhile; parts and the object stay as the upload was created."""
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("aws:kms", cmk))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")
    assert upload["SSEKMSKeyId"] == cmk
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("AES256"))
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
    assert part["SSEKMSKeyId"] == cmk
    s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )  # fmt: skip
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == cmk


# ---- bucket defaults ------------------------------------------------------------------------------------------------


def default(algorithm, key=None, bucket_key=None):
    by_default = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
    rule = {"ApplyServerSideEncryptionByDefault": by_default}
    return {"Rules": [rule | ({"BucketKeyEnabled": bucket_key} if bucket_key is not None else {})]}


def document(inner, root="ServerSideEncryptionConfiguration"):
    return f"<{root}>{inner}</{root}>".encode()


def rule(algorithm="AES256", more="", outer=""):
    by_default = f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{more}"
    return (
        f"<Rule><ApplyServerSideEncryptionByDefault>{by_default}</ApplyServerSideEncryptionByDefault>{outer}</Rule>"
    )


BAD_DOCUMENTS = {
    "no rule": (document(""), "MalformedXML"),
    "two rules": (document(rule() + rule()), "MalformedXML"),
    "unknown algorithm": (document(rule("AES512")), "MalformedXML"),
    "key with AES256": (document(rule(more=f"<KMSMasterKeyID>{ABSENT_KEY}</KMSMasterKeyID>")), "InvalidArgument"),
    "another root": (document(rule(), root="Encryption"), "MalformedXML"),
    "not xml": (b"hello", "MalformedXML"),
    "cut": (document(rule())[:-10], "MalformedXML"),
    "empty": (b"", "MissingRequestBodyError"),
    "bucket key neither true nor false": (
        document(rule("aws:kms", outer="<BucketKeyEnabled>maybe</BucketKeyEnabled>")),
        "MalformedXML",
    ),
}


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
def test_bad_encryption_documents_are_refused(server, s3, bucket, case):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("AES256"))
    text, wanted = BAD_DOCUMENTS[case]
    reply = signing.v4(server, "PUT", f"/{bucket}", text, query=[("encryption", None)], tls=True)
    expect(reply, 400, wanted)
    kept = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert kept[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_default_may_name_a_key_that_does_not_exist_yet(server, s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("aws:kms", ABSENT_KEY))
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == ABSENT_KEY
    expect(signing.v4(server, "PUT", f"/{bucket}/k", b"x", tls=True), 400, "KMS.NotFoundException")


def test_request_headers_beat_the_default_in_full(server, s3, kms, cmk, bucket):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("aws:kms", cmk, True))
    inherited = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (inherited["SSEKMSKeyId"], inherited["BucketKeyEnabled"]) == (cmk, True)
    named = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    assert named["SSEKMSKeyId"] == other
    sealed = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    assert sealed["ServerSideEncryption"] == "AES256" and "SSEKMSKeyId" not in sealed
    d = Dialect("s3")
    customer = expect(d.send(server, "PUT", bucket, "k", b"x", d.trio()), 200)
    assert d.method not in customer.headers and customer.headers[d.c_algorithm] == "AES256"
    without = expect(d.send(server, "PUT", bucket, "k", b"x", {d.bucket_key: "false"}), 200)
    assert without.headers[d.method] == "aws:kms" and d.bucket_key not in without.headers
    expect(d.send(server, "PUT", bucket, "k", b"x", {d.key_id: other}), 400, "InvalidArgument")


def test_a_bucket_key_asked_for_where_there_is_no_kms_is_ignored(server, bucket):
    d = Dialect("s3")
    reply = expect(d.send(server, "PUT", bucket, "k", b"x", {d.bucket_key: "true"}), 200)
    assert d.bucket_key not in reply.headers and d.method not in reply.headers


def test_the_servers_own_default_is_the_last_word(make_server):
    server = make_server("--default-encryption", "kms")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="own-default")
    shown = s3.get_bucket_encryption(Bucket="own-default")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert shown["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert s3.put_object(Bucket="own-default", Key="k", Body=b"x")["ServerSideEncryption"] == "aws:kms"
    s3.put_bucket_encryption(Bucket="own-default", ServerSideEncryptionConfiguration=default("AES256"))
    assert s3.put_object(Bucket="own-default", Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket="own-default")
    assert s3.put_object(Bucket="own-default", Key="k", Body=b"x")["ServerSideEncryption"] == "aws:kms"


def test_key_ids_are_answered_in_the_dialects_own_form(server, kms, bucket):
    key = kms.create_key()["KeyMetadata"]
    account = signing.v4(server, "GET", "/").body.decode().split("<ID>")[1].split("</ID>")[0]
    full = f"local-1:{account}:key/{key['KeyId']}"
    for given in (key["KeyId"], key["Arn"], full):
        for d, form in [(Dialect("s3"), key["Arn"]), (Dialect("obs"), full)]:
            reply = expect(d.send(server, "PUT", bucket, "k", b"x", {d.method: d.kms, d.key_id: given}), 200)
            assert reply.headers[d.key_id] == form and reply.headers[d.method] == d.kms


# ---- HTTPS: the matrix is in test_https_matrix.py -------------------------------------------------------------------


def test_an_inherited_method_needs_https_too(server, s3, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("aws:kms"))
    expect(signing.v4(server, "PUT", f"/{bucket}/k", b"x", tls=False), 400, "InvalidRequest")
    expect(signing.v4(server, "PUT", f"/{bucket}/k", b"x", tls=True), 200)


def test_configuring_sse_kms_needs_https(server, s3, bucket):
    text = document(rule("aws:kms"))
    expect(signing.v4(server, "PUT", f"/{bucket}", text, query=[("encryption", None)]), 400, "InvalidRequest")
    text = document(rule("AES256"))
    expect(signing.v4(server, "PUT", f"/{bucket}", text, query=[("encryption", None)]), 200)
    name = f"b-{uuid.uuid4().hex[:20]}"
    headers = {"x-obs-server-side-encryption": "kms"}
    expect(signing.obs(server, "PUT", "/", name, headers=headers), 400, "InvalidRequest")
    assert name not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("forged", ["X-Forwarded-Proto", "X-Forwarded-Ssl", "Forwarded", "Front-End-Https"])
def test_a_forged_proxy_header_is_no_https(server, s3, bucket, forged):
    value = {"Forwarded": "proto=https", "X-Forwarded-Proto": "https"}.get(forged, "on")
    d = Dialect("s3")
    expect(d.send(server, "PUT", bucket, "k", b"x", d.trio() | {forged: value}, tls=False), 400, "InvalidRequest")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


# ---- which error comes first ----------------------------------------------------------------------------------------


def test_order_of_checks(server, s3, bucket):
    d = Dialect("s3")
    bad = {d.method: "AES512"}
    # 1. the signature, before all else
    request = signing.sign_v4(signing.Request("PUT", "/no-such-bucket-at-all/k", headers=dict(bad)), server)
    request.headers["Authorization"] = request.headers["Authorization"][:-4] + "0000"
    expect(signing.send(request, server, tls=True), 403, "SignatureDoesNotMatch")
    # 2. the bucket, before headers and documents
    expect(d.send(server, "PUT", "no-such-bucket-at-all", "k", b"x", bad), 404, "NoSuchBucket")
    reply = signing.v4(server, "PUT", "/no-such-bucket-at-all", b"junk", query=[("encryption", None)], tls=True)
    expect(reply, 404, "NoSuchBucket")
    # 4. the transport, before the consistency of the headers
    expect(d.send(server, "PUT", bucket, "k", b"x", d.trio() | {d.c_algorithm: "AES192"}, tls=False), 400, "InvalidRequest")
    # 5. the headers, before the KMS; 6. the KMS, before conditions
    expect(
        d.send(server, "PUT", bucket, "k", b"x", {d.method: "AES256", d.key_id: ABSENT_KEY}), 400, "InvalidArgument"
    )
    s3.put_object(Bucket=bucket, Key="there", Body=b"x")
    headers = {d.method: "aws:kms", d.key_id: ABSENT_KEY, "If-None-Match": "*"}
    expect(d.send(server, "PUT", bucket, "there", b"x", headers), 400, "KMS.NotFoundException")
    # On reads: existence, then the customer key, then conditions, then the range.
    expect(d.send(server, "GET", bucket, "missing", headers=d.trio()), 404, "NoSuchKey")
    expect(d.send(server, "PUT", bucket, "sealed", b"x", d.trio()), 200)
    expect(d.send(server, "GET", bucket, "sealed", headers={"If-Match": '"other"'}), 400, "InvalidRequest")
    expect(d.send(server, "GET", bucket, "sealed", headers=d.trio() | {"If-Match": '"other"', "Range": "bytes=9-"}), 412)
    expect(d.send(server, "GET", bucket, "sealed", headers=d.trio() | {"Range": "bytes=9-"}), 416, "InvalidRange")


def test_a_refusal_comes_before_the_body(server, bucket):
    """A client that asks first (Expect) is refused without sending its body."""
    d = Dialect("s3")
    request = signing.Request("PUT", f"/{bucket}/k", headers={d.method: "AES512", "Expect": "100-continue"})
    signing.sign_v4(request, server, payload="UNSIGNED-PAYLOAD", unsigned=["Expect"])
    link = signing.connect(server, tls=True)
    link.putrequest("PUT", request.target, skip_host=True, skip_accept_encoding=True)
    link.putheader("Host", f"127.0.0.1:{server.port}")
    link.putheader("Content-Length", str(100 * MIB))
    for name, value in request.headers.items():
        link.putheader(name, value)
    link.endheaders()
    answer = link.getresponse()
    assert answer.status == 400 and b"InvalidArgument" in answer.read()
    link.close()


def test_get_of_the_configuration_never_set(server, s3, make_server):
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    aws = signing.v4(server, "GET", f"/{name}", query=[("encryption", None)])
    expect(aws, 404, "ServerSideEncryptionConfigurationNotFoundError")
    obs = signing.obs(server, "GET", "/", name, query=[("encryption", None)])
    expect(obs, 404, "NoSuchEncryptionConfiguration")
    ceph = make_server("--compat", "ceph")
    clients.s3(ceph).create_bucket(Bucket="ceph-bucket")
    reply = signing.v4(ceph, "GET", "/ceph-bucket", query=[("encryption", None)])
    expect(reply, 404, "ServerSideEncryptionConfigurationNotFoundError")
