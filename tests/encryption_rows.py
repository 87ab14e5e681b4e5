"""What the tables about encryption share: every operation of an object that takes or tells encryption, as one request in
the words of a dialect."""

import re

from harness.signing import Reply
from test_post_form import post, signed

# What an answer can tell of encryption: names of either dialect.
ENCRYPTION_HEADER = re.compile(r"x-(amz|obs)-(server-side|sse-kms|copy-source-server-side)")

WRITES = ["put", "post", "copy", "initiate"]
PARTS = ["upload part", "part copy", "complete"]
READS = ["get", "head"]
OPERATIONS = WRITES + PARTS + READS


def encryption_of(reply, dialect):
    """The headers about encryption of an answer, without what all of them begin with."""
    told = {n: v for n, v in reply.headers.items() if ENCRYPTION_HEADER.match(n)}
    assert all(name.startswith(dialect.prefix) for name in told), f"a header of the other dialect: {told}"
    return {name.removeprefix(dialect.prefix): value for name, value in told.items()}


def form(server, dialect, bucket, headers, name="k", content=b"hello", tls=True):
    """PostObject with these headers as fields."""
    fields = {"key": name, **headers}
    conditions = [{n: v} for n, v in fields.items()] + [["eq", "$bucket", bucket]]
    scheme = "obs" if dialect.name == "obs" else "v4"
    reply = post(server, bucket, signed(server, scheme, fields, conditions), content, tls=tls)
    return Reply(reply.status_code, {n.lower(): v for n, v in reply.headers.items()}, reply.content)


def write(server, dialect, way, bucket, headers, name="k", tls=True):
    """One write of `hello`, whichever way; a copy is of the object `source` in the same bucket."""
    if way == "put":
        return dialect.send(server, "PUT", bucket, name, b"hello", headers, tls=tls)
    if way == "post":
        return form(server, dialect, bucket, headers, name, tls=tls)
    if way == "copy":
        from_source = headers | dialect.copy_source(bucket, "source")
        return dialect.send(server, "PUT", bucket, name, headers=from_source, tls=tls)
    assert way == "initiate", way
    return dialect.send(server, "POST", bucket, name, headers=headers, query=[("uploads", None)], tls=tls)


def begin(server, dialect, bucket, headers, name="m"):
    """Begins an upload over TLS; returns its id."""
    reply = write(server, dialect, "initiate", bucket, headers, name)
    assert reply.status == 200, reply.body
    return re.search(rb"<UploadId>(.*?)</UploadId>", reply.body)[1].decode()


def send_part(server, dialect, bucket, upload, headers, copied=False, number=1, tls=True):
    """A part of the upload `m`: `hello`, or a copy of `source`."""
    query = [("partNumber", str(number)), ("uploadId", upload)]
    if copied:
        from_source = headers | dialect.copy_source(bucket, "source")
        return dialect.send(server, "PUT", bucket, "m", headers=from_source, query=query, tls=tls)
    return dialect.send(server, "PUT", bucket, "m", b"hello", headers, query, tls)


def complete(server, dialect, bucket, upload, tag, headers=None, number=1, tls=True):
    """Completes the upload `m` with one part."""
    part = f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    return dialect.send(server, "POST", bucket, "m", document, headers or {}, [("uploadId", upload)], tls)


def ask(server, dialect, operation, bucket, headers, read=None, tls=True):
    """One operation, what it needs made ready over TLS. `headers` say the method, `read` the customer key where parts and
    reads need one."""
    read = read or {}
    if operation in WRITES:
        return write(server, dialect, operation, bucket, headers, tls=tls)
    if operation in READS:
        assert write(server, dialect, "put", bucket, headers).status == 200
        return dialect.send(server, operation.upper(), bucket, "k", headers=read, tls=tls)
    upload = begin(server, dialect, bucket, headers)
    if operation != "complete":
        return send_part(server, dialect, bucket, upload, read, operation == "part copy", tls=tls)
    tag = send_part(server, dialect, bucket, upload, read).headers["etag"]
    return complete(server, dialect, bucket, upload, tag, tls=tls)
