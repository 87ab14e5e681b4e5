"""Names that look like a store's own (CVE-2026-34204), by every carrier that takes names from a client, in every spelling and
both dialects. Each write is refused with 400 and changes nothing, or makes an object of which HEAD tells exactly what a write
without the name makes it tell: with the name only where it was sent as a user's metadata, and then as that."""

from urllib.parse import quote

import pytest
from test_post_form import post, signed
from test_sse_rules import Dialect, expect

from harness import signing
from harness.server import DOMAIN
from harness.signing import Reply, Request

# Names of the sealed object's record, as stores of this kind have called theirs; `{p}` is the dialect's prefix.
RESERVED = [
    "x-strongroom-envelope", "{p}sealed-key", "{p}unencrypted-content-md5", "{p}unencrypted-content-length",
    "x-minio-internal-server-side-encryption-sealed-key", "{p}server-side-encryption-iv",
]  # fmt: skip
# What clients call length and digest of the plaintext: not kept beside a sealed object.
DROPPED = ("unencrypted-content-md5", "unencrypted-content-length")
CARRIERS = ["header", "parameter", "parameter of a signed URL", "form", "copy", "upload"]
SPELLINGS = {
    "as it is": lambda name: [name],
    "upper case": lambda name: [name.upper()],
    "mixed case": lambda name: [name.title()],
    "twice": lambda name: [name, name.title()],
    "trailing space": lambda name: [name + " "],
}
# Of an answer to HEAD, what is not about the object as it was written.
OF_THE_ANSWER = ("date", "last-modified", "etag", "id-2", "request-id", "connection", "keep-alive")


def told(server, d, bucket, name="k"):
    """What HEAD tells of the object; and that it opens."""
    head = expect(d.send(server, "HEAD", bucket, name), 200)
    assert expect(d.send(server, "GET", bucket, name), 200).body == b"readable"
    return {n: v for n, v in head.headers.items() if not n.endswith(OF_THE_ANSWER)}


def own(d, number):
    """What every write says for itself; no two say the same."""
    return {d.method: "AES256", f"{d.prefix}meta-own": f"write {number}", "Content-Type": "text/x-own"}


def lines_signed(server, d, request, bucket, lines):
    """Signs with lines that HTTP joins, and sends them apart. A name that no signature could name is added to it."""
    joined = {}
    for name, value in lines:
        joined.setdefault(name.lower(), []).append(value)
    apart = [(n, v) for n, v in lines if n.endswith(" ")]
    request.headers |= {n: ",".join(v) for n, v in joined.items() if not n.endswith(" ")}
    if d.name == "obs":
        signing.sign_obs(request, server, bucket)
    else:
        signing.sign_v4(request, server)
    for name in joined:
        request.headers.pop(name, None)
    request.headers |= dict(apart) | {n: v for n, v in lines if not n.endswith(" ")}


def place(server, d, bucket, name="k"):
    return (f"/{name}", f"{bucket}.{DOMAIN}:{server.port}") if d.name == "obs" else (f"/{bucket}/{name}", None)


def send(server, d, carrier, bucket, number, sent):
    """One write of `k` that carries these names, each with a value of its own."""
    path, host = place(server, d, bucket)
    lines = [(name, str(i)) for i, name in enumerate(sent)]
    parameters = [(quote(name, safe=""), value) for name, value in lines]
    if carrier == "form":
        fields = {"key": "k", **own(d, number), **dict(lines)}
        conditions = [{n: v} for n, v in fields.items()] + [["eq", "$bucket", bucket]]
        reply = post(server, bucket, signed(server, "obs" if d.name == "obs" else "v4", fields, conditions), b"readable")
        return Reply(reply.status_code, dict(reply.headers), reply.content)
    request = Request("PUT", path, headers=own(d, number), body=b"readable")
    if carrier == "parameter of a signed URL":
        request.query += parameters
        if d.name == "obs":
            signing.presign_obs(request, server, bucket)
        else:
            signing.presign_v4(request, server)
        return signing.send(request, server, tls=True, host=host)
    if carrier == "parameter":
        request.query += parameters
        lines = []
    elif carrier == "copy":
        request.headers |= d.copy_source(bucket, "source") | {f"{d.prefix}metadata-directive": "REPLACE"}
        request.body = b""
    elif carrier == "upload":
        request = Request("POST", path, [("uploads", None)], own(d, number))
    lines_signed(server, d, request, bucket, lines)
    reply = signing.send(request, server, tls=True, host=host)
    if carrier != "upload" or reply.status != 200:
        return reply
    query = [("uploadId", reply.body.decode().split("<UploadId>")[1].split("</UploadId>")[0])]
    part = expect(d.send(server, "PUT", bucket, "k", b"readable", query=[("partNumber", "1"), *query]), 200)
    listed = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    return d.send(server, "POST", bucket, "k", document, query=query)


def kept(d, carrier, name, sent):
    """What HEAD tells besides: nothing, unless the name was sent where a user's metadata stand."""
    meta = f"{d.prefix}meta-"
    dropped = name.replace("_", "-").endswith(DROPPED)
    if not name.startswith(meta) or dropped or carrier == "parameter":
        return {}
    return {name: ",".join(str(i) for i in range(len(sent)))}


@pytest.mark.parametrize("d", [Dialect("s3"), Dialect("obs")], ids=["s3", "obs"])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_name_of_the_store_is_a_users_metadata_or_nothing(server, s3, bucket, d, carrier, spelling):
    s3.put_object(Bucket=bucket, Key="source", Body=b"readable", Metadata={"of": "the source"})
    assert send(server, d, carrier, bucket, 0, []).status in (200, 204)
    plain = before = told(server, d, bucket)
    assert plain[f"{d.prefix}meta-own"] == "write 0" and plain[d.method] == "AES256"
    # OBS signs parameters of its own names: as the client wrote them here they are not what the server reads.
    refusals = (400, 403) if d.name == "obs" and carrier.startswith("parameter") and spelling != "as it is" else (400,)
    taken = 0
    for number, name in enumerate(spelled(d), 1):
        sent = SPELLINGS[spelling](name)
        reply = send(server, d, carrier, bucket, number, sent)
        after = told(server, d, bucket)
        if reply.status in (200, 204):
            taken += 1
            assert after == plain | {f"{d.prefix}meta-own": f"write {number}"} | kept(d, carrier, name, sent), sent
        else:
            assert reply.status in refusals, (sent, reply.status, reply.body[:300])
            assert after == before, sent
        before = after
    # Half are taken at least, or there would be little to hold against what HEAD tells.
    if spelling == "as it is" or (spelling in ("upper case", "mixed case") and refusals == (400,)):
        assert taken >= len(RESERVED) * 2, taken


def spelled(d):
    """Each name as it is and with `_` for `-`, as a header of its own and among a user's metadata."""
    for name in RESERVED:
        reserved = name.format(p=d.prefix)
        underscored = reserved.replace("-", "_")
        yield from (reserved, underscored, f"{d.prefix}meta-{reserved}", f"{d.prefix}meta-{underscored}")
    # The headers that mean something where they stand alone.
    yield from (f"{d.prefix}meta-{d.method}", f"{d.prefix}meta-{d.c_md5.lower()}")
