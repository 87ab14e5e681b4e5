"""What has gone wrong in other stores, tried on this one. docs/security-tests.md maps each case to a test."""

import base64
import hashlib
import hmac
import http.client
import re
import shutil
import socket
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from urllib.parse import quote

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, disk, signing, sse
from harness.server import DOMAIN, REGION, REPOSITORY, binary
from harness.signing import Request, presign_obs, presign_v4, send, sign_obs, sign_v4
from harness.sse import KIB, MIB, SEGMENT, CustomerKey, body


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def refused(reply, statuses=(400, 403)):
    assert reply.status in statuses, (reply.status, reply.code, reply.body[:200])
    return reply


def obs_host(server, bucket):
    return f"{bucket}.{DOMAIN}:{server.port}"


# ---- headers that are not what they seem ----------------------------------------------------------------------------

FOREIGN = {
    "copy source": "copy-source",
    "sse": "server-side-encryption",
    "acl": "acl",
    "metadata": "meta-smuggled",
}


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize("form", ["header", "url"])
def test_foreign_dialect_headers_are_refused(server, s3, bucket, header, form):
    """Each dialect signs headers of its own prefix only: one of the other's would be covered by no signature."""
    value = {"copy source": f"/{bucket}/other", "sse": "AES256"}.get(header, "private")
    s3.put_object(Bucket=bucket, Key="other", Body=b"not to be copied")
    name = f"x-amz-{FOREIGN[header]}"
    for smuggled in (name, name.upper(), name.title()):
        request = Request("PUT", "/k", body=b"x")
        if form == "header":
            sign_obs(request, server, bucket)
        else:
            presign_obs(request, server, bucket)
        request.headers[smuggled] = value
        refused(send(request, server, tls=True, host=obs_host(server, bucket)))
    amz = Request("PUT", f"/{bucket}/k", body=b"x")
    sign_v4(amz, server) if form == "header" else presign_v4(amz, server)
    amz.headers[f"x-obs-{FOREIGN[header]}"] = value
    refused(send(amz, server, tls=True))
    assert names(s3, bucket) == ["other"]


@pytest.mark.parametrize("form", ["header", "url"])
@pytest.mark.parametrize("header", ["x-amz-server-side-encryption", "x-amz-copy-source", "x-amz-meta-a", "x-amz-acl"])
def test_unsigned_amz_headers_are_refused(server, s3, bucket, form, header):
    value = {"x-amz-copy-source": f"/{bucket}/other", "x-amz-server-side-encryption": "AES256"}.get(header, "private")
    request = Request("PUT", f"/{bucket}/k", body=b"x")
    if form == "header":
        request.headers[header] = value
        sign_v4(request, server, unsigned=[header])
    else:
        presign_v4(request, server)
        request.headers[header] = value
    refused(send(request, server, tls=True), (403, 400))
    assert names(s3, bucket) == []


def test_an_altered_presigned_url_is_refused(server, s3, bucket):
    """Every parameter changed, taken away, added; SSE parameters first."""
    key = f"/{bucket}/k"
    headers = {"x-amz-server-side-encryption": "AES256"}

    def presigned(**extra):
        request = Request("PUT", key, headers=dict(headers), body=b"x")
        request.query += extra.get("query", [])
        return presign_v4(request, server)

    good = presigned()
    assert send(good, server, tls=True).status == 200
    s3.delete_object(Bucket=bucket, Key="k")
    missing = presigned()
    del missing.headers["x-amz-server-side-encryption"]
    refused(send(missing, server, tls=True))
    changed = presigned()
    changed.headers["x-amz-server-side-encryption"] = "aws:kms"
    refused(send(changed, server, tls=True))
    added = presigned()
    added.query.append(("x-amz-server-side-encryption-bucket-key-enabled", "true"))
    refused(send(added, server, tls=True))
    for i, (name, value) in enumerate(presigned().query):
        without = presigned()
        without.query.pop(i)
        refused(send(without, server, tls=True))
        altered = presigned()
        altered.query[i] = (name, (value[:-1] + ("0" if value[-1] != "0" else "1")))
        refused(send(altered, server, tls=True))
    long_life = Request("PUT", key, body=b"x")
    presign_v4(long_life, server, expires=7 * 86400 + 1)
    refused(send(long_life, server, tls=True))
    assert names(s3, bucket) == []


def test_an_expired_presigned_url_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    past = signing.amz_date(datetime.now(timezone.utc) - timedelta(seconds=120))
    refused(send(presign_v4(Request("GET", f"/{bucket}/k"), server, expires=60, stamp=past), server, tls=True), (403,))
    stale = presign_obs(Request("GET", "/k"), server, bucket, expires_in=-10)
    refused(send(stale, server, tls=True, host=obs_host(server, bucket)), (403,))
    fresh = presign_obs(Request("GET", "/k"), server, bucket, expires_in=60)
    assert send(fresh, server, tls=True, host=obs_host(server, bucket)).status == 200


def test_one_signature_is_one_operation(server, s3, bucket):
    """A signature without a sub-resource never authorises the request with it, and one method is not another."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for more in ["uploads", "encryption", "acl", "versionId=null", "uploadId=0123", "response-content-type=text/html", "delete"]:
        for method, path in (("GET", f"/{bucket}/k"), ("PUT", f"/{bucket}"), ("POST", f"/{bucket}/k")):
            v4 = sign_v4(Request(method, path), server)
            v4.query.append(tuple(more.split("=")) if "=" in more else (more, None))
            refused(send(v4, server, tls=True))
        obs = sign_obs(Request("GET", "/k"), server, bucket)
        obs.query.append(tuple(more.split("=")) if "=" in more else (more, None))
        refused(send(obs, server, tls=True, host=obs_host(server, bucket)))
    swapped = sign_v4(Request("GET", f"/{bucket}/k"), server)
    swapped.method = "DELETE"
    refused(send(swapped, server, tls=True))
    elsewhere = sign_obs(Request("GET", "/k"), server, bucket)
    refused(send(elsewhere, server, tls=True, host=obs_host(server, "another-bucket")), (403, 404))
    assert names(s3, bucket) == ["k"]


def test_copies_carry_nothing_of_the_sources_encryption(server, s3, cmk, bucket):
    customer = CustomerKey()
    s3.put_object(Bucket=bucket, Key="c", Body=b"data", **customer.arguments())
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    s3.copy_object(
        Bucket=bucket, Key="plain-c", CopySource={"Bucket": bucket, "Key": "c"}, **customer.source_arguments()
    )  # fmt: skip
    s3.copy_object(Bucket=bucket, Key="plain-k", CopySource={"Bucket": bucket, "Key": "k"})
    for name in ("plain-c", "plain-k"):
        reply = signing.v4(server, "GET", f"/{bucket}/{name}", tls=True)
        assert reply.status == 200 and reply.body == b"data"
        assert not [h for h in reply.headers if "server-side" in h], reply.headers
        assert reply.headers["etag"] == f'"{hashlib.md5(b"data").hexdigest()}"'


# ---- signatures and uploads -----------------------------------------------------------------------------------------


def chunked(data, trailer=b"", size=8 * KIB, extension=b""):
    out = b"".join(
        b"%x%s\r\n%s\r\n" % (len(data[i : i + size]), extension, data[i : i + size]) for i in range(0, len(data), size)
    )
    return out + b"0\r\n" + trailer + b"\r\n"


STREAMING_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def trailer_request(server, bucket, data=b"hello"):
    import zlib

    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    request = Request("PUT", f"/{bucket}/k", body=chunked(data, b"x-amz-checksum-crc32:" + crc + b"\r\n"))
    request.headers |= {
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    return request


def test_unsigned_trailer_uploads_are_authenticated(server, s3, bucket):
    good = sign_v4(trailer_request(server, bucket), server, payload=STREAMING_TRAILER)
    assert send(good, server, tls=True).status == 200
    s3.delete_object(Bucket=bucket, Key="k")
    garbage = sign_v4(trailer_request(server, bucket), server, payload=STREAMING_TRAILER)
    garbage.headers["Authorization"] = re.sub("Signature=.*", "Signature=" + "0" * 64, garbage.headers["Authorization"])
    refused(send(garbage, server, tls=True), (403,))
    unsigned = trailer_request(server, bucket)
    unsigned.headers["x-amz-content-sha256"] = STREAMING_TRAILER
    refused(send(unsigned, server, tls=True), (403,))
    presigned = trailer_request(server, bucket)
    presigned.headers["x-amz-content-sha256"] = STREAMING_TRAILER
    presign_v4(presigned, server)
    name, value = presigned.query[-1]
    presigned.query[-1] = (name, "0" * len(value))
    refused(send(presigned, server, tls=True), (403,))
    assert names(s3, bucket) == []


def signed_chunks(server, bucket, data, size=8 * KIB):
    """A chunk-signed upload; returns the request and its list of (head, data) chunks, the final one included."""
    request = Request("PUT", f"/{bucket}/k", headers={"x-amz-decoded-content-length": str(len(data))})
    sign_v4(request, server, payload=STREAMING_SIGNED)
    stamp = request.headers["x-amz-date"]
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    key = signing._v4_key(server.secret_key, stamp[:8], "s3")
    previous = request.headers["Authorization"].rsplit("=", 1)[1]
    chunks = []
    for piece in [data[i : i + size] for i in range(0, len(data), size)] + [b""]:
        text = "\n".join([
            "AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous, signing.EMPTY_SHA256, hashlib.sha256(piece).hexdigest()
        ])  # fmt: skip
        previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        chunks.append((b"%x;chunk-signature=%s\r\n" % (len(piece), previous.encode()), piece))
    return request, chunks


def assemble(request, chunks):
    request.body = b"".join(head + piece + b"\r\n" for head, piece in chunks)
    return request


def test_chunk_signatures_hold_each_chunk_in_its_place(server, s3, bucket):
    data = body(3 * 8 * KIB + 100)
    request, chunks = signed_chunks(server, bucket, data)
    assert send(assemble(request, chunks), server, tls=True).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.delete_object(Bucket=bucket, Key="k")

    def attempt(change):
        request, chunks = signed_chunks(server, bucket, data)
        change(request, chunks)
        try:
            reply = send(assemble(request, chunks), server, tls=True)
        except (http.client.HTTPException, OSError):
            return
        refused(reply, (400, 403, 408, 411))

    def tamper(_, chunks):
        chunks[1] = (chunks[1][0], bytes([chunks[1][1][0] ^ 1]) + chunks[1][1][1:])

    def reorder(_, chunks):
        chunks[0], chunks[1] = chunks[1], chunks[0]

    def drop_middle(_, chunks):
        del chunks[1]

    def drop_final(request, chunks):
        del chunks[-1]

    def repeat(_, chunks):
        chunks.insert(1, chunks[1])

    def drop_signature(_, chunks):
        chunks[1] = (b"%x\r\n" % len(chunks[1][1]), chunks[1][1])

    for change in (tamper, reorder, drop_middle, drop_final, repeat, drop_signature):
        attempt(change)
    # The announced plaintext length is signed and must be right.
    request = Request("PUT", f"/{bucket}/k", headers={"x-amz-decoded-content-length": "5"}, body=chunked(b"hello!"))
    refused(send(sign_v4(request, server, payload=STREAMING_TRAILER), server, tls=True))
    assert names(s3, bucket) == []


@pytest.mark.parametrize("framing", [
    b"zz\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"ffffffffffffffffff\r\nx",
    b"5" + b";a=b" * 30_000 + b"\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"\r\n\r\n", b"5\nhello\n0\n\n",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", b"5\r\nhello\r\n0\r\nx-evil:1\r\n\r\n",
])  # fmt: skip
def test_broken_chunk_framing_is_refused(server, s3, bucket, framing):
    request = Request("PUT", f"/{bucket}/k", body=framing)
    request.headers |= {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    try:
        refused(send(sign_v4(request, server, payload=STREAMING_TRAILER), server, tls=True))
    except (http.client.HTTPException, OSError):
        pass  # cut is as good as refused
    assert names(s3, bucket) == []


def test_scheme_confusion_is_one_refusal(server, s3, bucket):
    """Two credentials, credentials of one scheme in another's clothes, empty scopes: refused, each the same way."""
    path = f"/{bucket}/k"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    both = presign_v4(sign_v4(Request("GET", path), server), server)
    refused(send(both, server, tls=True))
    mixed = sign_obs(Request("GET", path), server, scheme="AWS")
    mixed.headers["Authorization"] = mixed.headers["Authorization"].replace("AWS ", "OBS ")
    mixed.headers["x-obs-meta-a"] = "1"
    refused(send(mixed, server, tls=True))
    scope = sign_v4(Request("GET", path), server)
    for old, new in [
        (f"/{REGION}/s3/aws4_request", "////"),
        (f"/{REGION}/", "/other-region/"),
        ("/s3/", "/kms/"),
        ("/aws4_request", "/"),
        ("SignedHeaders=", "SignedHeaders=;"),
        ("Credential=", "Credential=/"),
    ]:
        request = Request("GET", path, headers=dict(scope.headers))
        request.headers["Authorization"] = scope.headers["Authorization"].replace(old, new)
        refused(send(request, server, tls=True))
    # `Host` and the date must be among the signed headers.
    for left_out in ("host", "x-amz-date", "x-amz-content-sha256"):
        request = Request("GET", path)
        sign_v4(request, server)
        request.headers["Authorization"] = re.sub(
            r"SignedHeaders=([^,]*)",
            lambda m: "SignedHeaders=" + ";".join(h for h in m[1].split(";") if h != left_out),
            request.headers["Authorization"],
        )
        refused(send(request, server, tls=True))
    link = signing.connect(server, tls=True)
    link.putrequest("GET", path)
    for value in (scope.headers["Authorization"], "OBS a:b"):
        link.putheader("Authorization", value)
    for name in ("x-amz-date", "x-amz-content-sha256"):
        link.putheader(name, scope.headers[name])
    link.endheaders()
    assert link.getresponse().status in (400, 403)
    link.close()


def test_clock_skew_and_replay_with_another_body(server, s3, bucket):
    for minutes in (-16, 16):
        stamp = signing.amz_date(datetime.now(timezone.utc) + timedelta(minutes=minutes))
        reply = refused(send(sign_v4(Request("GET", f"/{bucket}"), server, stamp=stamp), server), (403,))
        assert reply.code == "RequestTimeTooSkewed" and reply.headers["date"]
        date = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=minutes), usegmt=True)
        obs = send(sign_obs(Request("GET", "/"), server, bucket, date=date), server, host=obs_host(server, bucket))
        assert (obs.status, obs.code) == (403, "RequestTimeTooSkewed")
    request = sign_v4(Request("PUT", f"/{bucket}/k", body=b"signed"), server)
    request.body = b"forged"
    assert refused(send(request, server, tls=True), (400,)).code == "XAmzContentSHA256Mismatch"
    assert names(s3, bucket) == []


# ---- who may ---------------------------------------------------------------------------------------------------------

WRITES = [
    ("PUT", "/{b}", [], b""), ("PUT", "/{b}/k", [], b"x"), ("DELETE", "/{b}/k", [], b""), ("DELETE", "/{b}", [], b""),
    ("POST", "/{b}/k", [("uploads", None)], b""), ("POST", "/{b}", [("delete", None)], b"<Delete/>"),
    ("PUT", "/{b}/k", [("partNumber", "1"), ("uploadId", "0" * 32)], b"x"), ("PUT", "/{b}", [("encryption", None)], b"<x/>"),
    ("DELETE", "/{b}", [("encryption", None)], b""), ("POST", "/{b}/k", [("uploadId", "0" * 32)], b"<x/>"),
]  # fmt: skip
READS = [
    ("GET", "/", [], b""), ("GET", "/{b}", [], b""), ("HEAD", "/{b}", [], b""), ("GET", "/{b}/k", [], b""),
    ("HEAD", "/{b}/k", [], b""), ("GET", "/{b}", [("encryption", None)], b""), ("GET", "/{b}", [("location", None)], b""),
    ("GET", "/{b}", [("uploads", None)], b""), ("GET", "/{b}/k", [("uploadId", "0" * 32)], b""),
]  # fmt: skip


@pytest.mark.parametrize("route", WRITES + READS, ids=lambda r: f"{r[0]} {r[1]} {'&'.join(n for n, _ in r[2])}")
def test_every_route_refuses_the_anonymous_and_the_wrongly_signed(server, s3, bucket, route):
    method, path, query, data = route
    path = path.format(b=bucket)
    s3.put_object(Bucket=bucket, Key="there", Body=b"x")

    def attempts():
        yield Request(method, path, list(query), {}, data)
        yield Request(method, path, list(query), {"x-amz-acl": "public-read"}, data)
        v4 = sign_v4(Request(method, path, list(query), {}, data), server)
        v4.headers["Authorization"] = v4.headers["Authorization"][:-1] + "x"
        yield v4
        for scheme in ("AWS", "OBS"):
            old = sign_obs(Request(method, path, list(query), {}, data), server, scheme=scheme)
            old.headers["Authorization"] = old.headers["Authorization"][:-5] + "AAAA="
            yield old
        presigned = presign_v4(Request(method, path, list(query), {}, data), server)
        presigned.query[-1] = ("X-Amz-Signature", "0" * 64)
        yield presigned
        unknown = sign_v4(Request(method, path, list(query), {}, data), server)
        unknown.headers["Authorization"] = unknown.headers["Authorization"].replace(server.access_key, "NOBODYSKEY0000000001")
        yield unknown
        yield Request(method, path, list(query), {"Authorization": "Bearer x"}, data)

    for request in attempts():
        refused(send(request, server, tls=True), (403, 400))
    assert names(s3, bucket) == ["there"]


def test_anonymous_learns_nothing_of_what_exists(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="there", Body=b"x", ServerSideEncryption="aws:kms")
    there = send(Request("GET", f"/{bucket}/there"), server, tls=True)
    gone = send(Request("GET", f"/{bucket}/gone"), server, tls=True)
    assert (there.status, there.code) == (gone.status, gone.code) == (403, "AccessDenied")
    for headers in ({"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Range": "bytes=99-"}):
        assert send(Request("GET", f"/{bucket}/there", headers=headers), server, tls=True).status == 403


# ---- SSE-C and sealed streams ----------------------------------------------------------------------------------------


def test_a_wrong_customer_key_is_refused_on_an_empty_object(server, s3, bucket):
    key = CustomerKey()
    s3.put_object(Bucket=bucket, Key="k", Body=b"", **key.arguments())
    for call in (s3.get_object, s3.head_object):
        assert call(Bucket=bucket, Key="k", **key.arguments())["ContentLength"] == 0
        with pytest.raises(ClientError) as error:
            call(Bucket=bucket, Key="k", **CustomerKey().arguments())
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    with pytest.raises(ClientError):
        s3.copy_object(
            Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}, **CustomerKey().source_arguments()
        )  # fmt: skip


def test_one_customer_key_never_seals_two_things_alike(server, s3, bucket):
    """Same key, same name, same bytes: unrelated ciphertext, in objects and in parts."""
    key = CustomerKey()
    data = b"\0" * (200 * KIB)
    known, fresh = disk.settled_blobs(server), {}

    def collect():
        for path in disk.settled_blobs(server) - known:
            try:
                fresh[path] = path.read_bytes()
            except FileNotFoundError:
                pass  # of an overwritten object, removed meanwhile

    for _ in range(3):
        for name in ("k", "k2"):
            s3.put_object(Bucket=bucket, Key=name, Body=data, **key.arguments())
            collect()
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", **key.arguments())["UploadId"]
    for number in (1, 2, 1):
        s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=number, Body=data, **key.arguments())
        collect()
    assert len(fresh) == 9, "six bodies and three parts, each in a blob of its own"
    blocks = [content[i : i + 32] for content in fresh.values() for i in range(0, len(content) - 32, 4096)]
    assert len(blocks) == len(set(blocks)), "ciphertext repeats"
    assert not any(block in data for block in blocks)


def test_customer_keys_and_secrets_are_in_no_log_at_trace_level(make_server):
    server = make_server(env={"STRONGROOM_LOG": "trace"})
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="trace-bucket")
    key = CustomerKey()
    for name, data in [("small", b"x" * 100), ("large", body(300 * KIB))]:
        s3.put_object(Bucket="trace-bucket", Key=name, Body=data, **key.arguments())
        s3.get_object(Bucket="trace-bucket", Key=name, **key.arguments())["Body"].read()
        s3.put_object(Bucket="trace-bucket", Key=name, Body=data, ServerSideEncryption="aws:kms")
        s3.get_object(Bucket="trace-bucket", Key=name)["Body"].read()
    for headers in ({"x-amz-server-side-encryption-customer-key": key.base64}, key.headers() | {"x-amz-acl": "x"}):
        signing.v4(server, "PUT", "/trace-bucket/bad", b"x", headers, tls=True)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "trace-bucket", "Key": "small"})
    requests.get(url, verify=str(server.ca))
    query = [("x-amz-server-side-encryption-customer-key", quote(key.base64, safe=""))]
    in_query = presign_v4(Request("GET", "/trace-bucket/small", query), server)
    refused(send(in_query, server, tls=True))
    clients.kms(server).create_key()
    root = bytes.fromhex((server.data / "root.key").read_text().strip())
    assert server.stop() == 0
    log = server.log()
    assert "TRACE" in log or "trace" in log, "the log is at trace level"
    for secret in (key.key, root, server.secret_key.encode()):
        forms = [secret.hex(), base64.b64encode(secret).decode(), quote(base64.b64encode(secret).decode(), safe="")]
        forms += [str(list(secret)), secret.decode("latin-1"), ", ".join(map(str, secret))]
        for form in forms:
            assert form not in log, "a key is in the log"
    signatures = re.findall(r"Signature=([0-9a-f]{64})", log)
    assert signatures == [], "a signature of a presigned URL is a credential too"


def test_a_blob_of_another_server_opens_nothing(make_server):
    """The same bytes under the same name in two data directories: the blob of one under the record of the other."""
    server, other = make_server(), make_server()
    for each in (server, other):
        s3 = clients.s3(each)
        s3.create_bucket(Bucket="swap")
        s3.put_object(Bucket="swap", Key="k", Body=body(SEGMENT * 3), ServerSideEncryption="AES256")
        assert each.stop() == 0
    own = next(p for p in disk.files(server.data / "blobs") if p.stat().st_size > SEGMENT)
    foreign = next(p for p in disk.files(other.data / "blobs") if p.stat().st_size > SEGMENT)
    assert own.stat().st_size == foreign.stat().st_size
    kept = own.read_bytes()
    shutil.copyfile(foreign, own)
    server.start()
    reply = signing.v4(server, "GET", "/swap/k", tls=True)
    assert (reply.status, reply.code) == (500, "InternalError")
    own.write_bytes(kept)
    assert signing.v4(server, "GET", "/swap/k", tls=True).body == body(SEGMENT * 3)


def test_ranges_over_random_part_layouts(server, s3, cmk, bucket, method):
    """Random offsets over parts of random sizes: the slice of the plaintext, whatever the method."""
    import random

    rng = random.Random(method.name)
    pieces = [rng.randbytes(5 * MIB + rng.randrange(200 * KIB)) for _ in range(2)] + [rng.randbytes(rng.randrange(MIB))]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **method.write)["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        tag = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=piece, **method.read
        )["ETag"]  # fmt: skip
        parts.append({"PartNumber": number, "ETag": tag})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    whole = b"".join(pieces)
    for _ in range(60):
        first = rng.randrange(len(whole))
        last = min(len(whole) - 1, first + rng.choice([0, 1, 100, SEGMENT, 3 * SEGMENT]))
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **method.read)
        assert got["Body"].read() == whole[first : last + 1], (first, last)
    tail = s3.get_object(Bucket=bucket, Key="k", Range="bytes=-70000", **method.read)["Body"].read()
    assert tail == whole[-70000:]


# ---- parsers, names, transport --------------------------------------------------------------------------------------

ODD_NAMES = [
    b"..", b"../../../etc/passwd", b"a/../b", b"./k", b"//", b"a//b", b"%2e%2e", b"a%2fb", b"a\\b", b"\xc3\xa9", b"a b+c",
    b"*?[]{}", b"con", b".hidden", b"a/", b"/a", b"x" * 1024, b"tab\there", b"new\nline", b"\x01\x7f",
]  # fmt: skip


def test_odd_names_are_ordinary_and_no_file_is_named_after_them(server, s3, bucket):
    for i, name in enumerate(ODD_NAMES):
        path = f"/{bucket}/{quote(name, safe='')}"
        reply = signing.v4(server, "PUT", path, b"content %d" % i, tls=True)
        assert reply.status == 200, (name, reply.status, reply.body)
    for i, name in enumerate(ODD_NAMES):
        reply = signing.v4(server, "GET", f"/{bucket}/{quote(name, safe='')}", tls=True)
        assert (reply.status, reply.body) == (200, b"content %d" % i), name
    listed = s3.list_objects_v2(Bucket=bucket, EncodingType="url")["Contents"]
    assert len(listed) == len(set(ODD_NAMES))
    inside = [str(path.relative_to(server.data)) for path in disk.files(server.data)]
    assert not any("passwd" in p or "hidden" in p or "content" in p or bucket in p for p in inside), inside
    assert not (server.directory / "k").exists()


def test_names_that_cannot_be_are_refused(server, s3, bucket):
    for raw in ["%ff", "%c0%af", "%ed%a0%80", "%", "%zz", "%0", quote("x" * 1025)]:
        reply = signing.v4(server, "PUT", f"/{bucket}/{raw}", b"x", tls=True)
        assert reply.status in (400, 403), (raw, reply.status)
    assert names(s3, bucket) == []


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]><Delete><Object><Key>&j;</Key></Object></Delete>"
)
XML_ATTACKS = {
    "billion laughs": BOMB.encode(),
    "external entity": b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    "doctype alone": b"<!DOCTYPE Delete><Delete><Object><Key>k</Key></Object></Delete>",
    "undefined entity": b"<Delete><Object><Key>&nope;</Key></Object></Delete>",
    "depth 10,000": b"<a>" * 10_000 + b"</a>" * 10_000,
    "unclosed": b"<Delete><Object><Key>k",
    "not utf-8": b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
    "many attributes": b"<Delete " + b" ".join(b'a%d="1"' % i for i in range(50_000)) + b"/>",
}


@pytest.mark.parametrize("case", XML_ATTACKS)
@pytest.mark.parametrize("route", ["delete", "encryption", "uploadId"])
def test_xml_attacks_are_refused(server, s3, bucket, case, route):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    data = XML_ATTACKS[case]
    headers = {"Content-MD5": base64.b64encode(hashlib.md5(data).digest()).decode()}
    if route == "uploadId":
        upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
        reply = signing.v4(server, "POST", f"/{bucket}/m", data, headers, [("uploadId", upload)])
    else:
        reply = signing.v4(server, "POST" if route == "delete" else "PUT", f"/{bucket}", data, headers, [(route, None)])
    refused(reply, (400, 413))
    assert b"root:" not in reply.body
    assert names(s3, bucket) == ["k"]


def test_large_documents_are_refused_in_bounded_memory(server, bucket):
    before = peak(server)
    text = b"<Delete><Object><Key>" + b"a" * (60 * MIB) + b"</Key></Object></Delete>"
    try:
        reply = signing.v4(server, "POST", f"/{bucket}", text, query=[("delete", None)])
        refused(reply, (400, 413))
    except (http.client.HTTPException, OSError):
        pass
    assert peak(server) - before < 48 * MIB


def peak(server):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_header_floods_and_long_lines_are_refused(server):
    flood = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"x-a-%d: b\r\n" % i for i in range(20_000)) + b"\r\n"
    long_line = b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    long_value = b"GET / HTTP/1.1\r\nHost: x\r\nx-a: " + b"b" * 1_000_000 + b"\r\n\r\n"
    for attack in (flood, long_line, long_value):
        try:
            answer = signing.raw(server, attack)
        except OSError:
            answer = b""
        assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:100]
    assert requests.get(f"{server.control()}/health/live", timeout=10).status_code == 200


@pytest.mark.parametrize("head", [
    b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"GET /b/k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /b/k HTTP/1.1\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /b?%00=%00&&&=== HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\r\nGET / HTTP/9.9\r\n\r\n",
])  # fmt: skip
def test_ambiguous_and_odd_requests_are_refused(server, head):
    """No request that two parties may read differently is served, and none makes the server fall over."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(head)
        link.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := link.recv(65536):
                answer += piece
        except OSError:
            pass
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (4\d\d|501|505) ", answer), answer[:200]
    assert answer.count(b"HTTP/1.") <= 1, "one request, one answer"


def test_many_idle_connections_are_bounded_and_harmless(server, s3, bucket):
    links = []
    try:
        for _ in range(400):
            links.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        s3.put_object(Bucket=bucket, Key="k", Body=b"still served")
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"still served"
    finally:
        for link in links:
            link.close()


def test_stored_values_cannot_inject_headers(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for value in ["text/plain\r\nSet-Cookie: a=b", "text/plain\nx: y", "a\0b"]:
        request = Request("GET", f"/{bucket}/k", [("response-content-type", quote(value, safe=""))])
        reply = send(sign_v4(request, server), server, tls=True)
        assert "set-cookie" not in reply.headers and "x" not in reply.headers
        assert reply.status in (200, 400)
    raw_head = sign_v4(Request("PUT", f"/{bucket}/k2", headers={"x-amz-meta-a": "b"}), server)
    raw_head.headers["x-amz-meta-a"] = "b c"
    assert send(raw_head, server, tls=True).status == 403


def test_no_route_serves_configuration_or_secrets(server):
    """The routes open without a signature, as a list that may not grow unnoticed."""
    paths = [
        "/", "/health/live", "/health/ready", "/metrics", "/debug", "/debug/pprof", "/env", "/config", "/.env", "/admin",
        "/v1/keys", "/minio/bootstrap/v1/verify", "/?Action=ListUsers", "/strongroom.toml", "/root.key", "/tls/ca.key",
    ]  # fmt: skip
    open_ = {path for path in paths if requests.get(server.control() + path, timeout=10).status_code == 200}
    # `GET /` tells the versions of the Huawei KMS API, whatever else is asked there.
    assert open_ == {"/", "/?Action=ListUsers", "/health/live", "/health/ready", "/metrics"}
    for path in open_:
        text = requests.get(server.control() + path, timeout=10).text
        for secret in (server.secret_key, server.access_key, str(server.data)):
            assert secret not in text
    open_on_data = {path for path in paths if requests.get(server.objects() + path, timeout=10).status_code == 200}
    assert open_on_data == set()


def test_no_constant_secret_is_in_the_binary(make_server):
    """Two new servers share no credential, no root key, no certificate key; none is in the binary."""
    servers = [make_server(root_credentials=None) for _ in range(2)]
    one, two = (
        {s.access_key, s.secret_key, (s.data / "root.key").read_text(), (s.data / "tls/ca.key").read_text()}
        for s in servers
    )
    assert not one & two
    program = binary().read_bytes()
    assert not any(secret.encode() in program for secret in one | two)


def test_bodies_are_not_read_before_authentication(server, bucket):
    """An unauthenticated client that announces much gets its refusal without being listened to."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n".encode())
        answer = link.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403 "), answer[:100]


def test_a_raced_overwrite_is_one_or_the_other(server, s3, cmk, bucket):
    """Readers during overwrites under changing methods: always one whole body."""
    bodies = {name: body(100 * KIB, seed=name) for name in ("plain", "sse-s3", "sse-kms", "sse-kms-bucket-key")}
    s3.put_object(Bucket=bucket, Key="k", Body=bodies["plain"])
    stop, wrong = threading.Event(), []

    def read():
        client = clients.s3(server)
        while not stop.is_set():
            data = client.get_object(Bucket=bucket, Key="k")["Body"].read()
            if data not in bodies.values():
                wrong.append(len(data))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(15):
        for name, data in bodies.items():
            s3.put_object(Bucket=bucket, Key="k", Body=data, **sse.method(name, cmk).write)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


# ---- the table itself ------------------------------------------------------------------------------------------------


def test_every_named_test_exists():
    """docs/security-tests.md names tests of this suite and of the crates; none of them has vanished."""
    page = (REPOSITORY / "docs/security-tests.md").read_text()
    python = re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", page)
    rust = re.findall(r"`(crates/[\w/]+\.rs)::(\w+)`", page)
    assert len(python) > 30, "the table is there"
    for file, name in python:
        assert re.search(rf"^def {name}\(", (REPOSITORY / file).read_text(), re.MULTILINE), f"{file}::{name}"
    for file, name in rust:
        assert re.search(rf"\bfn {name}\(", (REPOSITORY / file).read_text()), f"{file}::{name}"
    listed = {name for file, name in python if file.endswith("test_security.py")}
    here = set(re.findall(r"^def (test_\w+)\(", open(__file__).read(), re.MULTILINE)) - {"test_every_named_test_exists"}
    assert here <= listed, f"not in the table: {sorted(here - listed)}"
