"""The promise an auditor checks: a marker written through any path under any method stands in no file of the data
directory, and neither does a digest of the plaintext. Looked at with the server running (uploads in progress included),
after it was stopped, and after it was killed."""

import base64
import hashlib
import zlib

import pytest

from harness import clients, disk, sse
from harness.sse import KIB, MIB

SEALING = [name for name in sse.METHOD_NAMES if name != "plain"]


# Stands in every body many times; the rest of a body tells where it came from.
MARKER = b"<<plaintext marker"


class Marked:
    """A body with a marker all over it, and everything that would give it away."""

    def __init__(self, label, size):
        self.label = label
        self.marker = MARKER + f" {label} {size}>>".encode()
        self.data = (self.marker * (size // len(self.marker) + 1))[:size]

    def digests(self):
        """Digests of the body as they might be stored: raw, in hexadecimal, in base64. CRCs of four bytes would be found
        by chance in megabytes of ciphertext; they are looked for in base64 only."""
        for algorithm in ("md5", "sha1", "sha256"):
            raw = hashlib.new(algorithm, self.data).digest()
            yield from (raw, raw.hex().encode(), base64.b64encode(raw))
        yield base64.b64encode(zlib.crc32(self.data).to_bytes(4, "big"))


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
    obs = clients.obs(server)
    from obs import PutObjectHeader, SseKmsHeader

    kms_header = PutObjectHeader(sseHeader=SseKmsHeader.getInstance())
    reply = obs.putContent("marked-sse-kms", "by-obs", marked("obs", 300 * KIB), headers=kms_header)
    assert reply.status == 200, reply.errorMessage
    return bodies


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
