"""SM4 as the data cipher (`…-data-encryption: SM4`): asked for in every way to write, shown exactly where it is used, under
CMKs of either kind and under every method."""

import hashlib
import uuid

import pytest
from obs import CompletePart, CopyObjectHeader, PutObjectHeader, SseKmsHeader
from test_post_form import post, signed
from test_sse_rules import Dialect, document, expect, rule, upload_id

from harness import clients, signing
from harness.identities import allow, deny
from harness import identities
from harness.keys import refused
from harness.sse import KIB, MIB, SEGMENT, CustomerKey, body

KEY = CustomerKey()
METHODS = ["sse-obs", "sse-kms", "sse-kms-bucket-key", "sse-c"]


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


@pytest.fixture(scope="module")
def sm4_cmk(kms):
    return kms.create_key(KeySpec="SM4")["KeyMetadata"]["Arn"]


@pytest.fixture(params=["an AES CMK", "an SM4 CMK"])
def any_cmk(request, cmk, sm4_cmk):
    return cmk if "AES" in request.param else sm4_cmk


def cipher_header(d):
    return f"{d.prefix}server-side-data-encryption"


def shown(reply, d):
    return reply.headers.get(cipher_header(d))


def write(d, method, cmk, cipher="SM4"):
    said = {cipher_header(d): cipher} if cipher else {}
    if method == "sse-obs":
        return {d.method: "AES256"} | said
    if method == "sse-c":
        return d.trio(KEY) | said
    extra = {d.bucket_key: "true"} if method.endswith("bucket-key") else {}
    return {d.method: d.kms, d.key_id: cmk} | extra | said


def read(d, method):
    return d.trio(KEY) if method == "sse-c" else {}


def check(server, d, bucket, name, method, data, cipher="SM4"):
    got = expect(d.send(server, "GET", bucket, name, headers=read(d, method)), 200)
    assert got.body == data and shown(got, d) == cipher
    assert shown(expect(d.send(server, "HEAD", bucket, name, headers=read(d, method)), 200), d) == cipher
    return got


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 1, SEGMENT + 1, 300_000])
def test_put_and_ranges(server, bucket, any_cmk, dialect, method, size):
    d, data = dialect, body(size)
    put = expect(d.send(server, "PUT", bucket, "k", data, write(d, method, any_cmk)), 200)
    assert shown(put, d) == "SM4"
    got = check(server, d, bucket, "k", method, data)
    assert got.headers["etag"] == put.headers["etag"]
    of_plaintext = put.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert of_plaintext == (method == "sse-obs" and d.name == "s3"), "the rules of the ETag are those of AES-256"
    for first, last in [(0, 0), (SEGMENT - 1, SEGMENT), (size - 1, size - 1)]:
        if 0 <= first <= last < size:
            ranged = d.send(server, "GET", bucket, "k", headers=read(d, method) | {"Range": f"bytes={first}-{last}"})
            assert expect(ranged, 206).body == data[first : last + 1] and shown(ranged, d) == "SM4"


@pytest.mark.parametrize("method", METHODS)
def test_multipart(server, bucket, sm4_cmk, dialect, method):
    d = dialect
    pieces = [body(5 * MIB + 1, 1), body(SEGMENT, 2)]
    begun = d.send(server, "POST", bucket, "m", headers=write(d, method, sm4_cmk), query=[("uploads", None)])
    upload = upload_id(begun)
    assert shown(begun, d) == "SM4"
    listed = ""
    for number, piece in enumerate(pieces, 1):
        query = [("partNumber", str(number)), ("uploadId", upload)]
        # What a part says of the cipher decides nothing: it is the upload's. OBS refuses what contradicts it.
        other = d.send(server, "PUT", bucket, "m", piece, read(d, method) | {cipher_header(d): "AES256"}, query)
        expect(other, 200 if d.name == "s3" else 400)
        sent = expect(d.send(server, "PUT", bucket, "m", piece, read(d, method) | {cipher_header(d): "SM4"}, query), 200)
        assert shown(sent, d) == "SM4"
        listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{sent.headers['etag']}</ETag></Part>"
    text = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    done = expect(d.send(server, "POST", bucket, "m", text, read(d, method), [("uploadId", upload)]), 200)
    assert shown(done, d) == "SM4"
    check(server, d, bucket, "m", method, b"".join(pieces))
    seam = {"Range": f"bytes={len(pieces[0]) - 1}-{len(pieces[0])}"}
    ranged = expect(d.send(server, "GET", bucket, "m", headers=read(d, method) | seam), 206)
    assert ranged.body == pieces[0][-1:] + pieces[1][:1]


@pytest.mark.parametrize("scheme", ["v4", "v2", "obs", "obs-token"])
@pytest.mark.parametrize("method", ["sse-obs", "sse-kms"])
def test_forms(server, bucket, cmk, scheme, method):
    d = Dialect("obs" if scheme.startswith("obs") else "s3")
    fields = {"key": "k", "bucket": bucket} | write(d, method, cmk)
    reply = post(server, bucket, signed(server, scheme, fields), b"content")
    assert reply.status_code == 204 and reply.headers[cipher_header(d)] == "SM4"
    check(server, d, bucket, "k", method, b"content")


@pytest.mark.parametrize("target", ["AES256", "SM4"])
@pytest.mark.parametrize("source", ["AES256", "SM4"])
@pytest.mark.parametrize("method", METHODS)
def test_copies_between_ciphers(server, bucket, cmk, dialect, method, source, target):
    d, data = dialect, body(SEGMENT + 9)
    expect(d.send(server, "PUT", bucket, "source", data, write(d, method, cmk, source)), 200)
    named = d.copy_source(bucket, "source") | (d.source(KEY) if method == "sse-c" else {})
    copied = expect(d.send(server, "PUT", bucket, "k", headers=named | write(d, method, cmk, target)), 200)
    wanted = "SM4" if target == "SM4" else None
    assert shown(copied, d) == wanted
    check(server, d, bucket, "k", method, data, wanted)
    # Without a word the copy has AES-256: the cipher is not the source's to hand on.
    quiet = write(d, method, cmk, None)
    expect(d.send(server, "PUT", bucket, "quiet", headers=named | quiet), 200)
    check(server, d, bucket, "quiet", method, data, None)
    # A copy onto itself changes the cipher and nothing else.
    itself = d.copy_source(bucket, "k") | (d.source(KEY) if method == "sse-c" else {})
    other = "AES256" if target == "SM4" else "SM4"
    expect(d.send(server, "PUT", bucket, "k", headers=itself | write(d, method, cmk, other)), 200)
    check(server, d, bucket, "k", method, data, "SM4" if other == "SM4" else None)


def test_a_copy_onto_itself_keeps_the_cipher_in_obs(server, bucket):
    d = Dialect("obs")
    expect(d.send(server, "PUT", bucket, "k", b"x", write(d, "sse-obs", None)), 200)
    itself = d.copy_source(bucket, "k") | {"x-obs-metadata-directive": "REPLACE", "x-obs-meta-a": "b"}
    assert shown(expect(d.send(server, "PUT", bucket, "k", headers=itself), 200), d) == "SM4"
    check(server, d, bucket, "k", "sse-obs", b"x")


# ---- defaults -------------------------------------------------------------------------------------------------------

SM4_ELEMENT = "<KMSDataEncryption>SM4</KMSDataEncryption>"


def test_a_bucket_default(server, s3, bucket, cmk, dialect):
    d = dialect
    key = f"<KMSMasterKeyID>{cmk}</KMSMasterKeyID>"
    text = document(rule(d.kms, SM4_ELEMENT + key))
    expect(d.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
    assert SM4_ELEMENT.encode() in expect(d.send(server, "GET", bucket, query=[("encryption", None)]), 200).body
    assert shown(expect(d.send(server, "PUT", bucket, "k", b"x"), 200), d) == "SM4"
    check(server, d, bucket, "k", "sse-kms", b"x")
    # The request overrides it in either direction; a request that names the method says the cipher too, or has AES-256.
    quiet = expect(d.send(server, "PUT", bucket, "k", b"x", {cipher_header(d): "AES256"}), 200)
    assert shown(quiet, d) is None and quiet.headers[d.key_id].endswith(cmk.rsplit("/")[-1])
    assert shown(expect(d.send(server, "PUT", bucket, "k", b"x", {d.method: d.kms}), 200), d) is None
    assert shown(expect(d.send(server, "PUT", bucket, "k", b"x", {d.method: "AES256"}), 200), d) is None
    begun = d.send(server, "POST", bucket, "m", query=[("uploads", None)])
    assert upload_id(begun) and shown(begun, d) == "SM4"
    s3.put_object(Bucket=bucket, Key="source", Body=b"y", ServerSideEncryption="AES256")
    assert shown(expect(d.send(server, "PUT", bucket, "c", headers=d.copy_source(bucket, "source")), 200), d) == "SM4"


@pytest.mark.parametrize("element", [SM4_ELEMENT.replace("SM4", "SM5"), SM4_ELEMENT.replace("SM4", "sm4"), SM4_ELEMENT * 2])
def test_a_default_of_an_unknown_cipher(server, bucket, dialect, element):
    text = document(rule(dialect.kms, element))
    expect(dialect.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 400, "MalformedXML")


def test_the_element_goes_beside_kms_alone(server, bucket, dialect):
    text = document(rule("AES256", SM4_ELEMENT))
    reply = dialect.send(server, "PUT", bucket, body=text, query=[("encryption", None)])
    expect(reply, 400, "MalformedXML" if dialect.name == "obs" else "InvalidArgument")


def test_a_bucket_created_with_it(server, kms, cmk):
    d, name = Dialect("obs"), f"b-{uuid.uuid4().hex[:20]}"
    for bad in ({d.method: "obs", cipher_header(d): "SM4"}, {cipher_header(d): "SM4"}, {d.method: "kms", cipher_header(d): "DES"}):
        expect(d.send(server, "PUT", name, headers=bad), 400, "InvalidArgument")
        assert d.send(server, "HEAD", name).status == 404
    expect(d.send(server, "PUT", name, headers={d.method: "kms", d.key_id: cmk, cipher_header(d): "SM4"}), 200)
    assert shown(expect(d.send(server, "PUT", name, "k", b"x"), 200), d) == "SM4"


# ---- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["SM5", "sm4", "", "AES128", "SM4,AES256"])
@pytest.mark.parametrize("method", METHODS)
def test_unknown_ciphers(server, s3, bucket, cmk, dialect, method, value):
    headers = write(dialect, method, cmk) | {cipher_header(dialect): value}
    expect(dialect.send(server, "PUT", bucket, "k", b"x", headers), 400, "InvalidArgument")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_cipher_without_a_method(server, s3, bucket, dialect):
    expect(dialect.send(server, "PUT", bucket, "k", b"x", {cipher_header(dialect): "SM4"}), 400, "InvalidArgument")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for operation in ("GET", "HEAD"):
        assert dialect.send(server, operation, bucket, "k", headers={cipher_header(dialect): "SM4"}).status == 400


@pytest.fixture(scope="module")
def kms_only(make_server):
    server = make_server()
    d = Dialect("s3")
    clients.s3(server).create_bucket(Bucket="bucket")
    for method in ("sse-obs", "sse-c"):
        expect(d.send(server, "PUT", "bucket", method, b"before", write(d, method, None)), 200)
    server.arguments += ["--sse-sm4", "kms-only"]
    return server.restart()


@pytest.mark.parametrize("operation", ["put", "copy", "initiate"])
@pytest.mark.parametrize("method", ["sse-obs", "sse-c"])
def test_it_may_be_offered_for_sse_kms_alone(kms_only, dialect, method, operation):
    d, server = dialect, kms_only
    headers = write(d, method, None)
    if operation == "put":
        reply = d.send(server, "PUT", "bucket", "k", b"x", headers)
    elif operation == "copy":
        named = d.copy_source("bucket", "sse-obs")
        reply = d.send(server, "PUT", "bucket", "k", headers=headers | named)
    else:
        reply = d.send(server, "POST", "bucket", "k", headers=headers, query=[("uploads", None)])
    expect(reply, 400, "InvalidArgument")
    # What was written before stays readable, AES-256 may be said, and SSE-KMS has it.
    check(server, d, "bucket", method, method, b"before")
    expect(d.send(server, "PUT", "bucket", "k", b"x", headers | {cipher_header(d): "AES256"}), 200)
    kms = {d.method: d.kms, cipher_header(d): "SM4"}
    assert shown(expect(d.send(server, "PUT", "bucket", "k", b"x", kms), 200), d) == "SM4"


# ---- signatures, policies, records ------------------------------------------------------------------------------------


def test_presigned_urls(server, bucket):
    header = "x-amz-server-side-data-encryption"
    said = {"x-amz-server-side-encryption": "aws:kms", header: "SM4"}
    good = signing.presign_v4(signing.Request("PUT", f"/{bucket}/k", [], dict(said), b"x"), server)
    reply = signing.send(good, server, tls=True)
    assert reply.status == 200 and reply.headers[header] == "SM4"
    # Signed and not sent; sent and not signed; sent as something else than signed.
    for signed_with, sent in [
        (said, {n: v for n, v in said.items() if n != header}),
        ({n: v for n, v in said.items() if n != header}, said),
        (said, said | {header: "AES256"}),
    ]:
        request = signing.presign_v4(signing.Request("PUT", f"/{bucket}/other", [], dict(signed_with), b"x"), server)
        request.headers = dict(sent)
        assert signing.send(request, server, tls=True).status == 403, (signed_with, sent)
    # As a parameter of the URL it is signed in any case.
    d = Dialect("obs")
    query = [("x-obs-server-side-encryption", "kms"), ("x-obs-server-side-data-encryption", "SM4")]
    request = signing.presign_obs(signing.Request("PUT", "/k", query, {}, b"x"), server, bucket)
    host = f"{bucket}.obs.local.test:{server.port}"
    reply = signing.send(request, server, tls=True, host=host)
    assert reply.status == 200 and shown(reply, d) == "SM4"
    request.query = [(n, "AES256" if v == "SM4" else v) for n, v in request.query]
    assert signing.send(request, server, tls=True, host=host).status == 403


def test_a_header_that_v4_does_not_cover_is_refused(server, bucket):
    headers = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-data-encryption": "SM4"}
    request = signing.Request("PUT", f"/{bucket}/k", [], headers, b"x")
    signing.sign_v4(request, server, unsigned=["x-amz-server-side-data-encryption"])
    reply = signing.send(request, server, tls=True)
    assert (reply.status, reply.code) == (403, "AccessDenied")


def test_both_spellings_are_one_header(server, bucket):
    """A V4 signature covers OBS's spelling as well; both at once would be two answers to one question."""
    both = {"x-amz-server-side-encryption": "aws:kms", "x-obs-server-side-data-encryption": "SM4"}
    reply = signing.v4(server, "PUT", f"/{bucket}/k", b"x", both, tls=True)
    assert reply.status == 200 and reply.headers["x-amz-server-side-data-encryption"] == "SM4"
    both["x-amz-server-side-data-encryption"] = "AES256"
    assert signing.v4(server, "PUT", f"/{bucket}/k", b"x", both, tls=True).status == 400


def test_the_obs_sdk(server, cmk):
    obs = clients.obs(server)
    name = f"o-{uuid.uuid4().hex[:20]}"

    def ok(reply):
        assert reply.status < 300, (reply.status, reply.errorCode, reply.errorMessage)
        return reply

    def cipher(reply):
        return dict(reply.header).get("server-side-data-encryption") or dict(reply.header).get("x-obs-server-side-data-encryption")

    ok(obs.createBucket(name))
    sm4 = {"x-obs-server-side-data-encryption": "SM4"}
    sse = SseKmsHeader.getInstance(cmk.rsplit("/")[-1])
    put = ok(obs.putContent(name, "k", "hello", headers=PutObjectHeader(sseHeader=sse), extensionHeaders=sm4))
    assert cipher(put) == "SM4", put.header
    copied = ok(obs.copyObject(name, "k", name, "c", headers=CopyObjectHeader(destSseHeader=sse), extensionHeaders=sm4))
    assert cipher(copied) == "SM4"
    upload = ok(obs.initiateMultipartUpload(name, "m", sseHeader=sse, extensionHeaders=sm4)).body.uploadId
    parts = []
    for number, piece in enumerate([body(100 * KIB, 1), body(3, 2)], 1):
        sent = ok(obs.uploadPart(name, "m", number, upload, content=piece))
        assert cipher(sent) == "SM4"
        parts.append(CompletePart(number, sent.body.etag))
    from obs import CompleteMultipartUploadRequest

    ok(obs.completeMultipartUpload(name, "m", upload, CompleteMultipartUploadRequest(parts)))
    got = ok(obs.getObject(name, "m", loadStreamInMemory=True))
    assert got.body.buffer == body(100 * KIB, 1) + body(3, 2) and cipher(got) == "SM4"


def test_policies_see_the_header(server, s3, bucket):
    client = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*"), allow("kms:*")]))
    statement = {
        "Principal": "*", **deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*"),
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-data-encryption": "SM4"}},
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(statement))
    refused(client.put_object, "AccessDenied", Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    client.meta.events.register(
        "before-sign.s3.PutObject",
        lambda request, **_: request.headers.add_header("x-amz-server-side-data-encryption", "SM4"),
    )
    client.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")


def test_the_cipher_is_on_the_audit_log(make_server):
    import json

    server = make_server("--audit-objects", "sealed")
    d = Dialect("s3")
    clients.s3(server).create_bucket(Bucket="bucket")
    for cipher in ("AES256", "SM4"):
        expect(d.send(server, "PUT", "bucket", cipher, b"x", write(d, "sse-obs", None, cipher)), 200)
    lines = [json.loads(line) for path in sorted((server.data / "audit").glob("*.log")) for line in path.open()]
    told = {e["object"]["object"]: e["details"].get("data_cipher") for e in lines if e["type"] == "object-access"}
    assert told == {"AES256": None, "SM4": "SM4"}
