"""Huawei's OBS SDK for Python against the server: signature `obs`, virtual-hosted, and `v4` and `v2` in path style."""

import hashlib
import uuid

import pytest
from obs import (
    CompleteMultipartUploadRequest,
    CompletePart,
    CopyObjectHeader,
    DeleteObjectsRequest,
    GetObjectHeader,
    ListMultipartUploadsRequest,
    Object,
    PutObjectHeader,
    SseCHeader,
    SseKmsHeader,
)

from harness import clients, signing
from harness.server import DOMAIN
from harness.sse import KIB, MIB, SEGMENT, CustomerKey, body


@pytest.fixture(scope="module")
def obs(server):
    """The SDK as OBS users have it: over HTTPS, with the OBS signature, the bucket in the host name."""
    client = clients.obs(server)
    yield client
    client.close()


@pytest.fixture(params=["obs", "obs-http", "v4", "v2"])
def client(request, server):
    signature, _, transport = request.param.partition("-")
    client = clients.obs(server, signature, tls=transport != "http", virtual_hosted=signature == "obs")
    yield client
    client.close()


@pytest.fixture
def obs_bucket(obs):
    name = f"o-{uuid.uuid4().hex[:20]}"
    ok(obs.createBucket(name))
    return name


def ok(reply):
    assert reply.status < 300, (reply.status, reply.errorCode, reply.errorMessage)
    return reply


def refused(reply, status, code):
    assert (reply.status, reply.errorCode) == (status, code), (reply.status, reply.errorCode, reply.errorMessage)


def header(reply, name):
    """A header of an answer, whatever prefix of a dialect the SDK has taken off."""
    return {k.lower(): v for k, v in reply.header}.get(name)


def content(reply):
    ok(reply)
    return reply.body.buffer


def get(client, bucket, name, **headers):
    return content(client.getObject(bucket, name, loadStreamInMemory=True, headers=GetObjectHeader(**headers)))


def test_negotiation_answers_the_obs_version(server, obs_bucket):
    for host, wanted in [(f"{obs_bucket}.{DOMAIN}", 200), (DOMAIN, 200), (f"no-such-bucket.{DOMAIN}", 404)]:
        request = signing.Request("HEAD", "/", [("apiversion", None)])
        reply = signing.send(request, server, host=f"{host}:{server.port}")
        assert reply.status == wanted, host
        if wanted == 200:
            assert reply.headers["x-obs-api"] == "3.0"


def test_the_sdk_really_speaks_obs_and_virtual_hosted(server, obs, obs_bucket):
    """Guards the other tests: had the SDK fallen back to AWS style, they would prove less than they say."""
    before = server.counted("strongroom_requests_total", dialect="obs")
    reply = ok(obs.putContent(obs_bucket, "k", "hello"))
    assert server.counted("strongroom_requests_total", dialect="obs") > before
    assert obs.signature == "obs" and not obs.path_style
    assert reply.requestId


def test_objects(client):
    bucket = f"o-{uuid.uuid4().hex[:20]}"
    ok(client.createBucket(bucket))
    data = body(SEGMENT + 5)
    put = ok(client.putContent(bucket, "dir/ä b+c", data, metadata={"colour": "blue"}))
    assert put.body.etag.strip('"') == hashlib.md5(data).hexdigest()
    assert get(client, bucket, "dir/ä b+c") == data
    assert get(client, bucket, "dir/ä b+c", range="10-19") == data[10:20]
    head = ok(client.getObjectMetadata(bucket, "dir/ä b+c"))
    assert head.body.contentLength == len(data)
    assert header(head, "meta-colour") == "blue" or header(head, "colour") == "blue", head.header
    listed = ok(client.listObjects(bucket, prefix="dir/"))
    assert [(o.key, o.size) for o in listed.body.contents] == [("dir/ä b+c", len(data))]
    assert bucket in [b.name for b in ok(client.listBuckets()).body.buckets]
    assert ok(client.getBucketLocation(bucket)).body.location == "local-1"
    ok(client.headBucket(bucket))
    ok(client.deleteObject(bucket, "dir/ä b+c"))
    assert client.getObject(bucket, "dir/ä b+c").status == 404
    ok(client.deleteBucket(bucket))


def test_copy_delete_many_and_pages(obs, obs_bucket):
    for i in range(5):
        ok(obs.putContent(obs_bucket, f"k{i}", f"content {i}"))
    ok(obs.copyObject(obs_bucket, "k0", obs_bucket, "copied"))
    assert get(obs, obs_bucket, "copied") == b"content 0"
    page = ok(obs.listObjects(obs_bucket, max_keys=3)).body
    assert page.is_truncated and len(page.contents) == 3
    rest = ok(obs.listObjects(obs_bucket, marker=page.next_marker)).body
    assert len(rest.contents) == 3 and not rest.is_truncated
    doomed = DeleteObjectsRequest(quiet=False, objects=[Object(key=f"k{i}") for i in range(5)])
    answer = ok(obs.deleteObjects(obs_bucket, doomed))
    assert {d.key for d in answer.body.deleted} == {f"k{i}" for i in range(5)}
    assert [o.key for o in ok(obs.listObjects(obs_bucket)).body.contents] == ["copied"]


@pytest.mark.parametrize("way", ["default-key", "bare-id", "full-id"])
def test_sse_kms(obs, kms, obs_bucket, way):
    uuid_of_key = kms.create_key()["KeyMetadata"]["KeyId"]
    account = ok(obs.listBuckets()).body.owner.owner_id
    full = f"local-1:{account}:key/{uuid_of_key}"
    key = {"default-key": None, "bare-id": uuid_of_key, "full-id": full}[way]
    data = body(200 * KIB)
    put = ok(obs.putContent(obs_bucket, "k", data, headers=PutObjectHeader(sseHeader=SseKmsHeader.getInstance(key))))
    assert put.body.sseKms == "kms"
    if key:
        assert put.body.sseKmsKey == full
    assert put.body.etag.strip('"') != hashlib.md5(data).hexdigest()
    assert get(obs, obs_bucket, "k") == data
    assert get(obs, obs_bucket, "k", range=f"{SEGMENT - 2}-{SEGMENT + 2}") == data[SEGMENT - 2 : SEGMENT + 3]
    head = ok(obs.getObjectMetadata(obs_bucket, "k"))
    assert (head.body.sseKms, head.body.sseKmsKey) == ("kms", put.body.sseKmsKey)


def test_sse_obs(obs, obs_bucket):
    sse = SseKmsHeader.getInstance(encryption="AES256")
    data = body(1000)
    put = ok(obs.putContent(obs_bucket, "k", data, headers=PutObjectHeader(sseHeader=sse)))
    assert put.body.sseKms == "AES256"
    assert put.body.etag.strip('"') != hashlib.md5(data).hexdigest(), "the ETag is that of the ciphertext"
    assert get(obs, obs_bucket, "k") == data


def test_sse_c(obs, obs_bucket):
    # Text, because the SDK mangles raw bytes where it sends the key of a copy's source.
    key = CustomerKey(b"a customer key of 32 characters!")
    sse = SseCHeader.getInstance(key.key.decode())
    data = body(SEGMENT)
    put = ok(obs.putContent(obs_bucket, "k", data, headers=PutObjectHeader(sseHeader=sse)))
    assert put.body.sseC == "AES256" and put.body.sseCKeyMd5 == key.md5
    assert get(obs, obs_bucket, "k", sseHeader=sse) == data
    missing = obs.getObject(obs_bucket, "k")
    refused(missing, 400, "InvalidEncryptionAlgorithmError")
    other = obs.getObject(obs_bucket, "k", headers=GetObjectHeader(sseHeader=SseCHeader.getInstance(b"x" * 32)))
    refused(other, 400, "InvalidEncryptionAlgorithmError")
    ok(obs.copyObject(
        obs_bucket, "k", obs_bucket, "sealed by kms",
        headers=CopyObjectHeader(sourceSseHeader=sse, destSseHeader=SseKmsHeader.getInstance()),
    ))  # fmt: skip
    assert get(obs, obs_bucket, "sealed by kms") == data


def test_bucket_encryption(obs, obs_bucket):
    refused(obs.getBucketEncryption(obs_bucket), 404, "NoSuchEncryptionConfiguration")
    ok(obs.setBucketEncryption(obs_bucket, "kms"))
    assert ok(obs.getBucketEncryption(obs_bucket)).body.encryption == "kms"
    assert ok(obs.putContent(obs_bucket, "k", "hello")).body.sseKms == "kms"
    ok(obs.setBucketEncryption(obs_bucket, "AES256"))
    assert ok(obs.putContent(obs_bucket, "k2", "hello")).body.sseKms == "AES256"
    ok(obs.deleteBucketEncryption(obs_bucket))
    ok(obs.deleteBucketEncryption(obs_bucket))
    assert ok(obs.putContent(obs_bucket, "k3", "hello")).body.sseKms is None
    assert get(obs, obs_bucket, "k") == b"hello"


def test_bucket_created_with_encryption_headers(server, kms, obs):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    name = f"o-{uuid.uuid4().hex[:20]}"
    headers = {
        "x-obs-server-side-encryption": "kms",
        "x-obs-server-side-encryption-kms-key-id": key,
        "x-obs-server-side-encryption-bucket-key-enabled": "true",
    }
    ok(obs.createBucket(name, extensionHeaders=headers))
    before = server.kms_requests("GenerateDataKey")
    for i in range(3):
        put = ok(obs.putContent(name, f"k{i}", "hello"))
        assert put.body.sseKms == "kms" and put.body.sseKmsKey.endswith(f":key/{key}")
    assert server.kms_requests("GenerateDataKey") == before + 1
    other = f"o-{uuid.uuid4().hex[:20]}"
    ok(obs.createBucket(other, extensionHeaders={"x-obs-server-side-encryption": "obs"}))
    assert ok(obs.putContent(other, "k", "hello")).body.sseKms == "AES256"


@pytest.mark.parametrize("method", ["plain", "kms", "sse-c"])
def test_multipart(obs, obs_bucket, method):
    key = CustomerKey()
    sse = {"plain": None, "kms": SseKmsHeader.getInstance(), "sse-c": SseCHeader.getInstance(key.key)}[method]
    customer = sse if method == "sse-c" else None
    upload = ok(obs.initiateMultipartUpload(obs_bucket, "big", sseHeader=sse)).body.uploadId
    # OBS takes parts from 100 KiB.
    pieces = [body(100 * KIB, 1), body(5 * MIB + 1, 2), body(3, 3)]
    parts = []
    for number, piece in enumerate(pieces, 1):
        reply = ok(obs.uploadPart(obs_bucket, "big", number, upload, content=piece, sseHeader=customer))
        parts.append(CompletePart(number, reply.body.etag))
    listed = ok(obs.listParts(obs_bucket, "big", upload)).body.parts
    assert [p.size for p in listed] == [len(p) for p in pieces]
    pending = ok(obs.listMultipartUploads(obs_bucket, ListMultipartUploadsRequest())).body.upload
    assert [u.uploadId for u in pending] == [upload]
    done = ok(obs.completeMultipartUpload(obs_bucket, "big", upload, CompleteMultipartUploadRequest(parts)))
    assert done.body.etag.strip('"').endswith("-3")
    assert get(obs, obs_bucket, "big", sseHeader=customer) == b"".join(pieces)
    upload = ok(obs.initiateMultipartUpload(obs_bucket, "gone")).body.uploadId
    ok(obs.abortMultipartUpload(obs_bucket, "gone", upload))
    refused(obs.listParts(obs_bucket, "gone", upload), 404, "NoSuchUpload")


def test_part_copy(obs, obs_bucket):
    data = body(300 * KIB)
    ok(obs.putContent(obs_bucket, "source", data, headers=PutObjectHeader(sseHeader=SseKmsHeader.getInstance())))
    upload = ok(obs.initiateMultipartUpload(obs_bucket, "k")).body.uploadId
    one = ok(obs.copyPart(obs_bucket, "k", 1, upload, f"{obs_bucket}/source", copySourceRange="0-204799"))
    two = ok(obs.copyPart(obs_bucket, "k", 2, upload, f"{obs_bucket}/source", copySourceRange="204800-307199"))
    parts = [CompletePart(1, one.body.etag), CompletePart(2, two.body.etag)]
    ok(obs.completeMultipartUpload(obs_bucket, "k", upload, CompleteMultipartUploadRequest(parts)))
    assert get(obs, obs_bucket, "k") == data


def test_files(obs, obs_bucket, tmp_path):
    data = body(3 * MIB)
    (tmp_path / "up").write_bytes(data)
    ok(obs.putFile(obs_bucket, "k", str(tmp_path / "up"), headers=PutObjectHeader(sseHeader=SseKmsHeader.getInstance())))
    ok(obs.getObject(obs_bucket, "k", downloadPath=str(tmp_path / "down")))
    assert (tmp_path / "down").read_bytes() == data


def test_signed_urls(server, obs, obs_bucket):
    import requests

    put = obs.createSignedUrl("PUT", obs_bucket, "k", headers={"x-obs-server-side-encryption": "kms"})
    reply = requests.put(put.signedUrl, data=b"by url", headers=put.actualSignedRequestHeaders, verify=str(server.ca))
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-obs-server-side-encryption"] == "kms"
    got = obs.createSignedUrl("GET", obs_bucket, "k")
    assert requests.get(got.signedUrl, verify=str(server.ca)).content == b"by url"
    altered = got.signedUrl.replace("/k?", "/other?")
    assert requests.get(altered, verify=str(server.ca)).status_code == 403


def test_errors_speak_obs(server, obs, obs_bucket):
    refused(obs.getObject(obs_bucket, "missing"), 404, "NoSuchKey")
    # The SDK asks first what the bucket speaks (HEAD, no error document), and takes 404 for its answer.
    assert obs.putContent("no-such-bucket-here", "k", "x").status == 404
    refused(clients.obs(server, "v2", virtual_hosted=False).putContent("no-such-bucket-here", "k", "x"), 404, "NoSuchBucket")
    reply = obs.putContent(
        obs_bucket, "k", "x", headers=PutObjectHeader(sseHeader=SseKmsHeader.getInstance("0" * 8 + "-0000-0000-0000-" + "0" * 12))
    )
    refused(reply, 400, "KMS.NotFoundException")
