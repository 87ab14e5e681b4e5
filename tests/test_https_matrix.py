"""What needs HTTPS: every operation under every method, in both dialects, for each setting of `sse.require_https`. What is
refused over plain HTTP has done nothing."""

import uuid

import pytest

from encryption_rows import OPERATIONS, WRITES, ask, begin, complete, send_part
from harness import clients
from harness.sse import CustomerKey
from test_sse_rules import Dialect, expect

KEY = CustomerKey()
METHODS = ["SSE-C", "SSE-KMS", "SSE-OBS"]

# operation: which of METHODS need HTTPS where the setting is `strict`. `None`: the method cannot be asked for there.
STRICT = {
    "put": (True, True, False),
    "post": (True, True, False),
    "copy": (True, True, False),
    "initiate": (True, True, False),
    "upload part": (True, True, False),
    "part copy": (True, False, False),
    "complete": (False, False, False),
    "get": (True, True, False),
    "head": (True, False, False),
    # A completion that carries the customer key, as it may: the key does not travel in clear.
    "complete with the key": (True, None, None),
    # The customer key of a source travels as any other does. A key that stays in the server does not.
    "copy from it into the clear": (True, False, False),
    "part copy from it into the clear": (True, False, False),
    **{f"{way}, by the bucket's default": (None, True, False) for way in WRITES},
    "set as a bucket's default": (None, True, False),
    "create a bucket with it as default": (None, True, False),
}

SETTINGS = {
    "strict": lambda method, strict: strict,
    "ssec": lambda method, strict: strict and method == "SSE-C",
    "off": lambda method, strict: False,
}


@pytest.fixture(scope="module", params=SETTINGS)
def setting(request, make_server):
    server = make_server("--sse-require-https", request.param)
    yield request.param, server
    server.stop()
    assert "panicked" not in server.log(), server.log()[-4000:]


@pytest.fixture(scope="module")
def place(setting):
    """A bucket with an object in the clear, and a second bucket."""
    s3 = clients.s3(setting[1])
    names = [f"b-{uuid.uuid4().hex[:20]}" for _ in range(2)]
    for name in names:
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="source", Body=b"in the clear")
    return s3, *names


def headers_of(d, method):
    return {"SSE-C": d.trio(KEY), "SSE-KMS": {d.method: d.kms}, "SSE-OBS": {d.method: "AES256"}}[method]


def default_document(d, method):
    word = d.kms if method == "SSE-KMS" else "AES256"
    return (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{word}</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    ).encode()


def over_plain_http(server, place, d, operation, method):
    s3, bucket, defaulted = place
    headers = headers_of(d, method)
    if operation == "complete with the key":
        upload = begin(server, d, bucket, headers)
        tag = expect(send_part(server, d, bucket, upload, headers), 200).headers["etag"]
        refused = complete(server, d, bucket, upload, tag, headers, tls=False)
        if refused.status != 200:
            # It has done nothing: over HTTPS the upload is still there to be completed.
            expect(complete(server, d, bucket, upload, tag, headers), 200)
        return refused
    if operation in OPERATIONS:
        return ask(server, d, operation, bucket, headers, d.trio(KEY) if method == "SSE-C" else {}, tls=False)
    document = default_document(d, method)
    if operation == "set as a bucket's default":
        s3.delete_bucket_encryption(Bucket=defaulted)
        return d.send(server, "PUT", defaulted, body=document, query=[("encryption", None)], tls=False)
    if operation == "create a bucket with it as default":
        word = {"SSE-KMS": d.kms, "SSE-OBS": "obs"}[method]
        return d.send(server, "PUT", f"b-{uuid.uuid4().hex[:20]}", headers={d.method: word}, tls=False)
    if operation.endswith("by the bucket's default"):
        expect(d.send(server, "PUT", defaulted, body=document, query=[("encryption", None)]), 200)
        return ask(server, d, operation.split(",")[0], defaulted, {}, tls=False)
    expect(d.send(server, "PUT", bucket, "sealed", b"sealed", headers), 200)
    headers = d.copy_source(bucket, "sealed") | (d.source(KEY) if method == "SSE-C" else {})
    if operation == "copy from it into the clear":
        return d.send(server, "PUT", bucket, "k", headers=headers, tls=False)
    upload = begin(server, d, bucket, {})
    query = [("partNumber", "1"), ("uploadId", upload)]
    return d.send(server, "PUT", bucket, "m", headers=headers, query=query, tls=False)


CELLS = [(op, method, needs) for op, row in STRICT.items() for method, needs in zip(METHODS, row) if needs is not None]


@pytest.mark.parametrize("dialect", ["s3", "obs"])
@pytest.mark.parametrize("operation, method, strict", CELLS, ids=[f"{op}-{method}" for op, method, _ in CELLS])
def test_https_matrix(setting, place, dialect, operation, method, strict):
    s3, bucket, defaulted = place
    for name in (bucket, defaulted):
        s3.delete_object(Bucket=name, Key="k")
    name, server = setting
    reply = over_plain_http(server, place, Dialect(dialect), operation, method)
    if not SETTINGS[name](method, strict):
        assert reply.status in (200, 204), (reply.status, reply.body)
        return
    assert reply.status == 400, (reply.status, reply.body)
    if operation == "head":
        code = reply.headers.get("x-obs-error-code", "InvalidRequest")
    else:
        code = reply.code
    assert code == "InvalidRequest"
    if operation not in ("get", "head"):
        for name in (bucket, defaulted):
            assert "k" not in [o["Key"] for o in s3.list_objects_v2(Bucket=name)["Contents"]]


@pytest.mark.parametrize("dialect", ["s3", "obs"])
def test_a_refused_part_is_not_kept_and_a_refused_bucket_is_not_made(server, s3, bucket, dialect):
    d = Dialect(dialect)
    upload = begin(server, d, bucket, headers_of(d, "SSE-KMS"))
    expect(send_part(server, d, bucket, upload, {}, tls=False), 400, "InvalidRequest")
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)
    made = f"b-{uuid.uuid4().hex[:20]}"
    expect(d.send(server, "PUT", made, headers={d.method: d.kms}, tls=False), 400, "InvalidRequest")
    assert made not in [b["Name"] for b in s3.list_buckets()["Buckets"]]
