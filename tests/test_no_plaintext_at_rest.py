"""The promise an auditor checks: a marker written through any path under any method stands in no file of the data
directory, and neither does a digest of the plaintext. Looked at with the server running (uploads in progress included),
after it was stopped, and after it was killed."""

import base64
import hashlib
import lzma
import uuid
import zlib

import pytest
from awscrt import checksums

from harness import cli, clients, disk, signing, sse
from harness.sse import KIB, MIB

SEALING = [name for name in sse.METHOD_NAMES if name != "plain"]


# Stands in every body many times; the rest of a body tells where it came from.
MARKER = b"<<plaintext marker"


# Under these names clients that encrypt tell length and digest of their plaintext.
TELLING = ["x-amz-unencrypted-content-md5", "unencrypted-content-length", "unencrypted_content_md5"]


def crc64_xz(data):
    """CRC-64/XZ, which OBS clients send: what the container of that name keeps of its content, before its index."""
    packed = lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=0)
    index = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    return int.from_bytes(packed[-12 - index - 8 : -12 - index], "little")


def forms(raw):
    """Bytes as they might be stored: raw, in hexadecimal, in base64."""
    return raw, raw.hex().encode(), base64.b64encode(raw)


class Marked:
    """A body with a marker all over it, and everything that would give it away."""

    def __init__(self, label, size, data=None):
        self.label = label
        self.marker = MARKER + f" {label} {size}>>".encode()
        self.data = data or (self.marker * (size // len(self.marker) + 1))[:size]
        self.needles = list(self.every_digest())

    def digests(self):
        return self.needles

    def every_digest(self):
        """Digests of the body as they might be stored. CRCs of four bytes would be found by chance in megabytes of
        ciphertext; they are looked for in base64 only."""
        for algorithm in ("md5", "sha1", "sha256"):
            yield from forms(hashlib.new(algorithm, self.data).digest())
        for crc in (zlib.crc32(self.data), checksums.crc32c(self.data)):
            yield base64.b64encode(crc.to_bytes(4, "big"))
        for crc in (checksums.crc64nvme(self.data), crc64_xz(self.data)):
            yield from (*forms(crc.to_bytes(8, "big")), crc.to_bytes(8, "little"), str(crc).encode())


def test_digests_are_those_of_the_standards():
    """The check values of the CRC catalogue: what is looked for is what would be stored."""
    known = Marked("check", 9, b"123456789")
    for text in ("E3069283", "CBF43926", "AE8B14860A799888", "995DC9BBDF1939FA"):
        assert base64.b64encode(bytes.fromhex(text)) in known.digests(), text


def with_sm4(server):
    """An S3 client that asks for SM4 whenever it writes."""
    client = clients.s3(server)
    add = lambda request, **_: request.headers.add_header("x-amz-server-side-data-encryption", "SM4")  # noqa: E731
    for operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        client.meta.events.register(f"before-sign.s3.{operation}", add)
    return client


@pytest.fixture(scope="module")
def written(server, s3, cmk):
    """A marker through each path under each method; what was written, with what is to be found of it: nothing."""
    bodies = []

    def marked(label, size):
        bodies.append(Marked(label, size))
        return bodies[-1].data

    for name in SEALING:
        method = sse.method(name, cmk)
        bucket = f"marked-{name}"
        s3.create_bucket(Bucket=bucket)
        for size in (100, 300 * KIB, MIB):
            s3.put_object(
                Bucket=bucket, Key=f"put-{size}", Body=marked(f"{name} put", size), ChecksumAlgorithm="SHA256",
                **method.write,
            )  # fmt: skip
        s3.put_object(Bucket=bucket, Key="plain-md5", Body=marked(f"{name} default checksum", 2000), **method.write)
        s3.copy_object(
            Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": f"put-{MIB}"}, **method.copy_source,
            **method.write,
        )  # fmt: skip
        for finish in (True, False):
            upload = s3.create_multipart_upload(Bucket=bucket, Key=f"multi-{finish}", **method.write)["UploadId"]
            parts = []
            for number, size in enumerate((5 * MIB + 1, 700), 1):
                data = marked(f"{name} part {finish}", size)
                sent = s3.upload_part(
                    Bucket=bucket, Key=f"multi-{finish}", UploadId=upload, PartNumber=number, Body=data, **method.read
                )  # fmt: skip
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            copied = s3.upload_part_copy(
                Bucket=bucket, Key=f"multi-{finish}", UploadId=upload, PartNumber=3,
                CopySource={"Bucket": bucket, "Key": f"put-{300 * KIB}"}, **method.copy_source, **method.read,
            )  # fmt: skip
            parts.append({"PartNumber": 3, "ETag": copied["CopyPartResult"]["ETag"]})
            if finish:
                # The checksum of the whole, which an object gets that names none.
                halves = [body.data for body in bodies if body.label in (f"{name} part True", f"{name} put")]
                whole = b"".join(half for size in (5 * MIB + 1, 300 * KIB) for half in halves if len(half) == size)
                bodies.append(Marked(f"{name} whole", len(whole), whole))
                named = [parts[0], parts[2]]
                s3.complete_multipart_upload(
                    Bucket=bucket, Key=f"multi-{finish}", UploadId=upload, MultipartUpload={"Parts": named}
                )
        # Overwritten and deleted objects leave nothing either.
        s3.put_object(Bucket=bucket, Key="overwritten", Body=marked(f"{name} first", 5000), **method.write)
        s3.put_object(Bucket=bucket, Key="overwritten", Body=marked(f"{name} second", 400 * KIB), **method.write)
        s3.put_object(Bucket=bucket, Key="deleted", Body=marked(f"{name} deleted", 5000), **method.write)
        s3.delete_object(Bucket=bucket, Key="deleted")
        # A bucket default seals what says nothing itself.
        if name in ("sse-s3", "sse-kms"):
            algorithm = method.write["ServerSideEncryption"]
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
            s3.create_bucket(Bucket=f"default-{name}")
            s3.put_bucket_encryption(
                Bucket=f"default-{name}", ServerSideEncryptionConfiguration={"Rules": [rule]}
            )  # fmt: skip
            s3.put_object(Bucket=f"default-{name}", Key="k", Body=marked(f"{name} default", 200 * KIB))
        # Clients that encrypt tell what their plaintext is: in no way of writing is it kept.
        for size in (3000, 200 * KIB):
            data = marked(f"{name} telling", size)
            telling = {TELLING[0]: forms(hashlib.md5(data).digest())[2].decode(), TELLING[1]: str(size)}
            telling[TELLING[2]] = hashlib.md5(data).hexdigest()
            s3.put_object(Bucket=bucket, Key=f"telling-{size}", Body=data, Metadata=telling | {"a": "b"}, **method.write)
            s3.copy_object(
                Bucket=bucket, Key=f"telling-copy-{size}", CopySource={"Bucket": bucket, "Key": f"telling-{size}"},
                MetadataDirective="REPLACE", Metadata=telling | {"a": "b"}, **method.copy_source, **method.write,
            )  # fmt: skip
            s3.create_multipart_upload(Bucket=bucket, Key=f"telling-upload-{size}", Metadata=telling, **method.write)
    sealed_with_sm4(server, marked, cmk)
    keys_changed_in_place(server, s3, marked)
    obs = clients.obs(server)
    from obs import PutObjectHeader, SseKmsHeader

    kms_header = PutObjectHeader(sseHeader=SseKmsHeader.getInstance())
    reply = obs.putContent("marked-sse-kms", "by-obs", marked("obs", 300 * KIB), headers=kms_header)
    assert reply.status == 200, reply.errorMessage
    return bodies


def sealed_with_sm4(server, marked, cmk):
    s3 = with_sm4(server)
    s3.create_bucket(Bucket="marked-sm4")
    for name in SEALING:
        method = sse.method(name, cmk)
        for size in (100, 300 * KIB):
            for checksum in ({}, {"ChecksumAlgorithm": "CRC32C"}, {"ChecksumAlgorithm": "SHA256"}):
                data = marked(f"{name} sm4 {len(checksum)}{checksum.get('ChecksumAlgorithm')}", size)
                key = f"{name}/{size}/{checksum.get('ChecksumAlgorithm')}"
                s3.put_object(Bucket="marked-sm4", Key=key, Body=data, **checksum, **method.write)
        upload = s3.create_multipart_upload(Bucket="marked-sm4", Key=f"{name}/parts", **method.write)["UploadId"]
        data = marked(f"{name} sm4 part", 100 * KIB)
        part = dict(Bucket="marked-sm4", Key=f"{name}/parts", UploadId=upload)
        tag = s3.upload_part(PartNumber=1, Body=data, **part, **method.read)["ETag"]
        s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **part)
        copied = {"Bucket": "marked-sm4", "Key": f"{name}/{300 * KIB}/SHA256"}
        shown = s3.head_object(Bucket="marked-sm4", Key=copied["Key"], **method.read)["ResponseMetadata"]["HTTPHeaders"]
        assert shown["x-amz-server-side-data-encryption"] == "SM4"
        s3.copy_object(
            Bucket="marked-sm4", Key=f"{name}/copied", CopySource=copied, **method.copy_source, **method.write
        )  # fmt: skip


def keys_changed_in_place(server, s3, marked):
    """UpdateObjectEncryption and rewrap: the digests are sealed anew, and at no moment in clear."""
    kms = clients.kms(server)
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    s3.create_bucket(Bucket="marked-in-place")
    for size in (100, 300 * KIB):
        for name in ("sse-s3", "sse-kms", "sse-kms-bucket-key"):
            for way in ("updated", "rewrapped"):
                data, key = marked(f"{name} {way}", size), f"{name}/{way}/{size}"
                s3.put_object(Bucket="marked-in-place", Key=key, Body=data, **sse.method(name, old).write)
                if way == "updated":
                    to = {"SSEKMS": {"KMSKeyArn": new, "BucketKeyEnabled": name == "sse-s3"}}
                    s3.update_object_encryption(Bucket="marked-in-place", Key=key, ObjectEncryption=to)
    cli.run(server, "rewrap", "start", old, "--to", new, "--wait")
    shown = s3.head_object(Bucket="marked-in-place", Key=f"sse-kms/rewrapped/{300 * KIB}")
    assert shown["SSEKMSKeyId"] == new


def test_what_clients_tell_of_their_plaintext_is_dropped(server, s3, written, cmk):
    """Names by which clients that encrypt tell length and digest of their plaintext, in either dialect; other metadata
    stays."""
    for name in SEALING:
        for key in (f"telling-{way}{size}" for way in ("", "copy-") for size in (3000, 200 * KIB)):
            kept = s3.head_object(Bucket=f"marked-{name}", Key=key, **sse.method(name, cmk).read)["Metadata"]
            assert kept == {"a": "b"}, (name, key)
    bucket = f"telling-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    told = {f"x-obs-meta-{name}": "d41d8cd98f00b204e9800998ecf8427e" for name in TELLING} | {"x-obs-meta-a": "b"}
    assert signing.obs(server, "PUT", "/k", bucket, b"", told, tls=True).status == 200
    shown = signing.obs(server, "HEAD", "/k", bucket, tls=True).headers
    assert {name: value for name, value in shown.items() if name.startswith("x-obs-meta-")} == {"x-obs-meta-a": "b"}


def check_nothing_shows(server, bodies, digests=False):
    if server.process.poll() is None:
        disk.settled_blobs(server)  # no file may move while the others are looked at
    assert list(disk.files(server.data)), "there must be something to look at"
    assert disk.files_holding(server.data, MARKER) == []
    if digests:
        needles = [digest for body in bodies for digest in body.digests()]
        assert disk.files_holding(server.data / "meta", *needles) == []
        assert disk.files_holding(server.data / "blobs", *needles, edges_bytes=4 * KIB) == []


def test_the_scan_would_find_plaintext(make_server):
    """The control: what is stored without encryption is found, small and large, body and digest."""
    server = make_server()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="in-the-clear")
    for size in (1000, 300 * KIB):
        marked = Marked("control", size)
        etag = s3.put_object(Bucket="in-the-clear", Key=f"{size}", Body=marked.data)["ETag"]
        with pytest.raises(AssertionError):
            check_nothing_shows(server, [])
        assert disk.files_holding(server.data, marked.marker)
        assert disk.files_holding(server.data / "meta", bytes.fromhex(etag.strip('"'))), "the ETag of a plain object"


def test_no_marker_while_running(server, written):
    check_nothing_shows(server, written)


def test_no_digest_of_plaintext(server, written):
    """Neither the ETag of a plaintext nor a checksum that the client sent stands in clear, not even in the log."""
    check_nothing_shows(server, written, digests=True)


def test_no_marker_and_no_digest_in_the_log(server, written):
    log = server.log().encode()
    assert MARKER not in log
    for body in written:
        assert not any(digest in log for digest in body.digests())


def test_no_marker_after_stop_and_after_kill(server, written):
    assert server.stop() == 0
    check_nothing_shows(server, written, digests=True)
    server.start()
    server.kill()
    check_nothing_shows(server, written, digests=True)
    server.start()
    check_nothing_shows(server, written, digests=True)


def test_keys_are_not_on_the_disk(server, written):
    """The customer key and the signing secret stand in no file; the root key in its own file only."""
    customer = sse.method("sse-c", "").customer
    secret = server.secret_key.encode()
    keys = [customer.key, customer.key.hex().encode(), customer.base64.encode(), secret]
    assert disk.files_holding(server.data, *keys) == []
    root_hex = (server.data / "root.key").read_bytes().strip()
    holders = {name for name, _ in disk.files_holding(server.data, root_hex, bytes.fromhex(root_hex.decode()))}
    assert holders == {"root.key"}
