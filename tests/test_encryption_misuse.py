"""What goes wrong with encryption, row by row in both dialects: CMKs in every state they can be in by every operation, keys
and documents that contradict themselves, customer keys that are missing, partial or others', the anonymous, and who may
not. Contradictions within one request's method, key id and customer key are in test_sse_rules.py."""

import uuid

import pytest

from encryption_rows import WRITES, ask, begin, send_part, write
from harness import clients, identities, keys, signing
from harness.identities import allow
from harness.sse import CustomerKey
from test_obs_encryption_rows import As
from test_sse_rules import ABSENT_KEY, Dialect, document, expect, rule

KEY, OTHER = CustomerKey(), CustomerKey()


@pytest.fixture(params=["s3", "obs"])
def d(request):
    return Dialect(request.param)


@pytest.fixture
def bucket(s3, bucket):
    """A bucket with an object `source` in the clear."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    return bucket


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


# ---- CMKs -----------------------------------------------------------------------------------------------------------

# state: (S3's code, OBS's code)
STATES = {
    "disabled": ("KMS.DisabledException", "KMS.DisabledException"),
    "pending deletion": ("KMS.KMSInvalidStateException", "KMS.DisabledException"),
    "pending import": ("KMS.KMSInvalidStateException", "KMS.DisabledException"),
    "absent": ("KMS.NotFoundException", "KMS.NotFoundException"),
}
# What an existing object or upload is asked for.
GOING_ON = ["upload part", "part copy", "get", "a range", "copy from", "part copy from"]


def put_into(server, kms, state, key):
    if state == "disabled":
        kms.disable_key(KeyId=key)
    elif state == "pending deletion":
        keys.force_deletion(server, key)
    elif state == "pending import":
        kms.delete_imported_key_material(KeyId=key)


# What a CMK is needed for keeps it, so none that serves an object or upload is absent.
ASKED = [(state, operation) for state in STATES for operation in WRITES + (GOING_ON if state != "absent" else [])]


@pytest.mark.parametrize("bucket_key", [False, True], ids=["direct", "bucket key"])
@pytest.mark.parametrize("state, operation", ASKED, ids=[f"{operation}-{state}" for state, operation in ASKED])
def test_states_of_a_cmk(server, kms, s3, bucket, d, operation, state, bucket_key):
    wanted = STATES[state][d.name == "obs"]
    if state == "absent":
        key = ABSENT_KEY
    elif state == "pending import":
        key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        kms.import_key_material(**keys.material(kms, key, b"k" * 32), ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    else:
        key = kms.create_key()["KeyMetadata"]["KeyId"]
    headers = {d.method: d.kms, d.key_id: key} | ({d.bucket_key: "true"} if bucket_key else {})
    if state != "absent":
        expect(d.send(server, "PUT", bucket, "sealed", b"hello", headers), 200)
        sealed_upload = begin(server, d, bucket, headers)
    plain_upload = begin(server, d, bucket, {})
    put_into(server, kms, state, key)
    before = names(s3, bucket)
    if operation in WRITES:
        reply = write(server, d, operation, bucket, headers)
    elif operation in ("upload part", "part copy"):
        reply = send_part(server, d, bucket, sealed_upload, {}, operation == "part copy")
    elif operation in ("get", "a range"):
        more = {"Range": "bytes=0-0"} if operation == "a range" else {}
        reply = d.send(server, "GET", bucket, "sealed", headers=more)
    else:
        query = [("partNumber", "1"), ("uploadId", plain_upload)] if operation == "part copy from" else []
        target = "m" if query else "copy"
        reply = d.send(server, "PUT", bucket, target, headers=d.copy_source(bucket, "sealed"), query=query)
    expect(reply, 400, wanted)
    assert names(s3, bucket) == before
    if state != "absent":
        assert d.send(server, "HEAD", bucket, "sealed").status == 200, "what HEAD tells needs no key"
        expect(d.send(server, "DELETE", bucket, "sealed"), 204)


@pytest.mark.parametrize("way", WRITES)
def test_a_bucket_s_default_whose_cmk_is_disabled(server, kms, s3, bucket, d, way):
    """An inherited method is refused like an asked one; nothing falls back to something weaker."""
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    text = document(rule(d.kms, f"<KMSMasterKeyID>{key}</KMSMasterKeyID>"))
    expect(d.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
    kms.disable_key(KeyId=key)
    expect(write(server, d, way, bucket, {}), 400, "KMS.DisabledException")
    assert names(s3, bucket) == ["source"]
    assert write(server, d, way, bucket, {d.method: "AES256"}).status in (200, 204)


@pytest.mark.parametrize("name", ["s3", "obs"])
def test_over_its_rate_an_account_is_told_to_come_again(make_server, name):
    """Never an error that would make a client give up, and nothing stored under something weaker."""
    d, server = Dialect(name), make_server("--kms-requests-per-second", "1")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="busy")
    replies = {f"k{i}": d.send(server, "PUT", "busy", f"k{i}", b"x", {d.method: d.kms}) for i in range(40)}
    refused = {name for name, reply in replies.items() if reply.status != 200}
    assert len(refused) > 20
    for name in refused:
        assert (replies[name].status, replies[name].code) == (503, "SlowDown")
        assert replies[name].headers["retry-after"] == "1"
    assert set(names(s3, "busy")) == set(replies) - refused
    assert d.send(server, "PUT", "busy", "other", b"x", {d.method: "AES256"}).status == 200, "no key of the service"


# ---- headers that need SSE-KMS --------------------------------------------------------------------------------------


def project(d):
    return f"{d.prefix}sse-kms-key-project-id"


def cipher(d):
    return f"{d.prefix}server-side-data-encryption"


NEED_KMS = {
    "project without a method": lambda d: {project(d): "0" * 32},
    "project with AES256": lambda d: {d.method: "AES256", project(d): "0" * 32},
    "project with a customer key": lambda d: {**d.trio(KEY), project(d): "0" * 32},
    "project without a key id": lambda d: {d.method: d.kms, project(d): "0" * 32},
    "key id with a customer key": lambda d: {**d.trio(KEY), d.key_id: ABSENT_KEY},
    "bucket key with a customer key": lambda d: {**d.trio(KEY), d.bucket_key: "true"},
    "bucket key with AES256": lambda d: {d.method: "AES256", d.bucket_key: "true"},
    "cipher without a method": lambda d: {cipher(d): "SM4"},
    "the usual cipher without a method": lambda d: {cipher(d): "AES256"},
    "unknown cipher": lambda d: {d.method: d.kms, cipher(d): "SM3"},
    "cipher in lower case": lambda d: {d.method: d.kms, cipher(d): "sm4"},
    "empty cipher": lambda d: {d.method: d.kms, cipher(d): ""},
    "bucket key in upper case": lambda d: {d.method: d.kms, d.key_id: ABSENT_KEY, d.bucket_key: "TRUE"},
    "empty bucket key": lambda d: {d.method: d.kms, d.key_id: ABSENT_KEY, d.bucket_key: ""},
}


@pytest.mark.parametrize("case", NEED_KMS)
@pytest.mark.parametrize("way", WRITES)
def test_headers_that_need_sse_kms(server, s3, bucket, d, way, case):
    expect(write(server, d, way, bucket, NEED_KMS[case](d)), 400, "InvalidArgument")
    assert names(s3, bucket) == ["source"] and "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


# ---- customer keys --------------------------------------------------------------------------------------------------

# What is sent with a read of an object under KEY: (S3's answer, OBS's).
READS = {
    "nothing": (lambda d: {}, (400, "InvalidRequest"), (400, "InvalidEncryptionAlgorithmError")),
    "another key": (lambda d: d.trio(OTHER), (403, "AccessDenied"), (400, "InvalidEncryptionAlgorithmError")),
    "another algorithm": (
        lambda d: {**d.trio(KEY), d.c_algorithm: "SM4"},
        *[(400, "InvalidEncryptionAlgorithmError")] * 2,
    ),
    "no algorithm": (
        lambda d: {n: v for n, v in d.trio(KEY).items() if n != d.c_algorithm}, *[(400, "InvalidArgument")] * 2,
    ),
    "no key": (lambda d: {n: v for n, v in d.trio(KEY).items() if n != d.c_key}, *[(400, "InvalidArgument")] * 2),
    "no MD5": (lambda d: {n: v for n, v in d.trio(KEY).items() if n != d.c_md5}, *[(400, "InvalidArgument")] * 2),
    "another MD5": (lambda d: {**d.trio(KEY), d.c_md5: OTHER.md5}, *[(400, "InvalidArgument")] * 2),
    "not base64": (lambda d: {**d.trio(KEY), d.c_key: "!" * 44}, *[(400, "InvalidArgument")] * 2),
    "a short key": (lambda d: CustomerKey(b"k" * 31).headers(d.prefix), *[(400, "InvalidArgument")] * 2),
}  # fmt: skip


def as_source(d, headers):
    return {n.replace(d.prefix, f"{d.prefix}copy-source-"): v for n, v in headers.items()}


@pytest.mark.parametrize("case", READS)
@pytest.mark.parametrize("operation", ["get", "head", "a range", "copy from", "part copy from"])
def test_customer_keys_of_reads(server, s3, bucket, d, operation, case):
    expect(d.send(server, "PUT", bucket, "sealed", b"hello", d.trio(KEY)), 200)
    headers, s3_answer, obs_answer = READS[case]
    status, code = s3_answer if d.name == "s3" else obs_answer
    headers = headers(d)
    if operation in ("copy from", "part copy from"):
        query = [("partNumber", "1"), ("uploadId", begin(server, d, bucket, {}))] if "part" in operation else []
        headers = as_source(d, headers) | d.copy_source(bucket, "sealed")
        reply = d.send(server, "PUT", bucket, "m", headers=headers, query=query)
    else:
        more = {"Range": "bytes=0-0"} if operation == "a range" else {}
        reply = d.send(server, "HEAD" if operation == "head" else "GET", bucket, "sealed", headers=headers | more)
    assert reply.status == status and b"hello" not in reply.body
    if operation == "head":
        assert reply.body == b"" and (d.name == "s3" or reply.headers["x-obs-error-code"] == code)
    else:
        assert reply.code == code
    assert names(s3, bucket) == ["sealed", "source"]


@pytest.mark.parametrize("method", ["nothing", "AES256", "kms"])
@pytest.mark.parametrize("operation", ["get", "head", "a range", "copy from", "part copy from"])
def test_customer_keys_for_what_has_none(server, s3, bucket, d, operation, method):
    headers = {"nothing": {}, "AES256": {d.method: "AES256"}, "kms": {d.method: d.kms}}[method]
    expect(d.send(server, "PUT", bucket, "sealed", b"hello", headers), 200)
    if operation in ("copy from", "part copy from"):
        query = [("partNumber", "1"), ("uploadId", begin(server, d, bucket, {}))] if "part" in operation else []
        headers = d.source(KEY) | d.copy_source(bucket, "sealed")
        reply = d.send(server, "PUT", bucket, "m", headers=headers, query=query)
    else:
        more = {"Range": "bytes=0-0"} if operation == "a range" else {}
        reply = d.send(server, "HEAD" if operation == "head" else "GET", bucket, "sealed", headers=d.trio(KEY) | more)
    assert reply.status == 400 and (operation == "head" or reply.code == "InvalidRequest")


# ---- who may not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["asked", "inherited"])
@pytest.mark.parametrize("operation", WRITES + GOING_ON)
def test_no_right_to_the_key(server, kms, s3, bucket, d, operation, method):
    """All rights to the store and none to the CMK: the same refusal, whether the CMK is asked for or inherited."""
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    headers = {d.method: d.kms, d.key_id: key}
    if method == "inherited":
        text = document(rule(d.kms, f"<KMSMasterKeyID>{key}</KMSMasterKeyID>"))
        expect(d.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
        headers = {}
    expect(d.send(server, "PUT", bucket, "sealed", b"hello", headers), 200)
    sealed_upload = begin(server, d, bucket, headers)
    who = As(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    if operation in WRITES:
        reply = write(who, d, operation, bucket, headers)
    elif operation in ("upload part", "part copy"):
        reply = send_part(who, d, bucket, sealed_upload, {}, operation == "part copy")
    elif operation in ("get", "a range"):
        more = {"Range": "bytes=0-0"} if operation == "a range" else {}
        reply = d.send(who, "GET", bucket, "sealed", headers=more)
    else:
        plain = {d.method: "AES256"}
        query = [("partNumber", "1"), ("uploadId", begin(server, d, bucket, plain))] if "part" in operation else []
        target = {} if query else plain
        reply = d.send(who, "PUT", bucket, "m", headers=target | d.copy_source(bucket, "sealed"), query=query)
    expect(reply, 403, "AccessDenied")
    assert names(s3, bucket) == ["sealed", "source"]
    assert key.encode() not in reply.body


@pytest.mark.parametrize("prefix", ["x-amz-", "x-obs-"])
def test_the_anonymous_and_sse_kms(server, s3, bucket, cmk, prefix):
    """In a bucket that is open to everybody, what is under a CMK stays shut, to read and to write."""
    d = Dialect({"x-amz-": "s3", "x-obs-": "obs"}[prefix])
    everybody = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"],
                 "Resource": f"arn:aws:s3:::{bucket}/*"}  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(everybody))
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"hello", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    # An unsigned request is in S3's words if it has one of S3's headers.
    own = {"x-amz-date": signing.amz_date()} if d.name == "s3" else {}

    def unsigned(verb, name, headers=None, body=b""):
        request = signing.Request(verb, f"/{bucket}/{name}", [], own | (headers or {}), body)
        return signing.send(request, server, tls=True)

    assert unsigned("GET", "source").body == b"hello"
    expect(unsigned("GET", "sealed"), 403, "AccessDenied")
    for headers in ({d.method: d.kms}, {d.method: d.kms, d.key_id: cmk}):
        expect(unsigned("PUT", "new", headers, b"x"), 403, "AccessDenied")
    text = document(rule(d.kms, f"<KMSMasterKeyID>{cmk}</KMSMasterKeyID>"))
    expect(d.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
    expect(unsigned("PUT", "new", {}, b"x"), 403, "AccessDenied")
    assert names(s3, bucket) == ["sealed", "source"]


# ---- documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, code",
    [
        (document(rule("kms", "<ProjectID>" + "0" * 32 + "</ProjectID>")), "InvalidArgument"),
        (document(rule("kms", "<KMSDataEncryption>SM3</KMSDataEncryption>")), "MalformedXML"),
        (document(rule("kms", outer="<BucketKeyEnabled>yes</BucketKeyEnabled>")), "MalformedXML"),
        (document(rule("SSE-C")), "MalformedXML"),
        (document("<Rule/>"), "MalformedXML"),
        (document(rule("kms"), "Other"), "MalformedXML"),
        (document(rule("kms"))[:-5], "MalformedXML"),
        (b"<!DOCTYPE a [<!ENTITY e 'x'>]>" + document(rule("&e;")), "MalformedXML"),
    ],
)
def test_documents_that_contradict_themselves(server, bucket, d, text, code):
    expect(d.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 400, code)
    assert d.send(server, "GET", bucket, query=[("encryption", None)]).status == 404, "nothing was set"
