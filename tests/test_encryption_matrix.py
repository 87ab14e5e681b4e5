"""Every size around a segment's edges and beyond, under every method, by every way to write and to read: equal bytes come
back, and the answers show the method that was asked for and no other."""

import hashlib
import os

import pytest

from harness import sse
from harness.sse import MIB, SEGMENT, body

SIZES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * MIB + 1, 64 * MIB]
PART = 5 * MIB + 1  # parts and segments must not line up


def edges(size):
    """Ranges around the edges of the body and of its segments: (first, last), both inclusive."""
    if size == 0:
        return []
    around = {0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, size // 2, size - 1}
    points = sorted(p for p in around if 0 <= p < size)
    pairs = [(a, b) for a in points for b in points if a <= b and b - a <= 2 * SEGMENT]
    return pairs + [(0, size - 1)]


def put(s3, bucket, name, data, method):
    answer = s3.put_object(Bucket=bucket, Key=name, Body=data, **method.write)
    method.check(answer)
    return answer


def check_whole(s3, bucket, name, data, method):
    got = s3.get_object(Bucket=bucket, Key=name, **method.read)
    method.check(got)
    assert got["ContentLength"] == len(data)
    received = got["Body"].read()
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    head = s3.head_object(Bucket=bucket, Key=name, **method.read)
    method.check(head)
    assert (head["ContentLength"], head["ETag"]) == (len(data), got["ETag"])
    return got


@pytest.mark.parametrize("size", SIZES)
def test_put(s3, bucket, method, size):
    data = body(size)
    answer = put(s3, bucket, "k", data, method)
    got = check_whole(s3, bucket, "k", data, method)
    assert got["ETag"] == answer["ETag"]
    is_md5 = answer["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert is_md5 == (method.name in ("plain", "sse-s3")), "an MD5 of plaintext shows, or is missing"
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (listed["Size"], listed["ETag"]) == (size, answer["ETag"])


@pytest.mark.parametrize("size", SIZES)
def test_range(s3, bucket, method, size):
    data = body(size)
    put(s3, bucket, "k", data, method)
    for first, last in edges(size):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **method.read)
        assert got["ContentRange"] == f"bytes {first}-{last}/{size}"
        assert got["Body"].read() == data[first : last + 1], (first, last)
        method.check(got)


@pytest.mark.parametrize("size", SIZES)
def test_multipart(s3, bucket, method, size):
    data = body(size)
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", **method.write)
    method.check(created)
    upload = created["UploadId"]
    pieces = [data[i : i + PART] for i in range(0, size, PART)] or [b""]
    parts = []
    for number, piece in enumerate(pieces, 1):
        sent = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=piece, **method.read
        )  # fmt: skip
        method.check(sent)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    tags = b"".join(bytes.fromhex(p["ETag"].strip('"')) for p in parts)
    assert done["ETag"] == f'"{hashlib.md5(tags).hexdigest()}-{len(parts)}"'
    check_whole(s3, bucket, "k", data, method)
    for seam in range(PART, size, PART):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={seam - 2}-{seam + 1}", **method.read)
        assert got["Body"].read() == data[seam - 2 : seam + 2], seam
    last = s3.get_object(Bucket=bucket, Key="k", PartNumber=len(parts), **method.read)
    assert last["Body"].read() == pieces[-1]


@pytest.mark.parametrize("source_name", sse.METHOD_NAMES)
@pytest.mark.parametrize("size", [0, 1, SEGMENT + 1, 5 * MIB + 1])
def test_copy(s3, bucket, cmk, method, source_name, size):
    """Every method to every method; the copy is its own object."""
    source = sse.method(source_name, cmk)
    data = body(size)
    put(s3, bucket, "source", data, source)
    copied = s3.copy_object(
        Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "source"}, **source.copy_source, **method.write
    )
    method.check(copied)
    s3.delete_object(Bucket=bucket, Key="source")
    check_whole(s3, bucket, "k", data, method)


def test_copy_of_a_large_object(s3, bucket, cmk, method):
    source = sse.method("sse-kms", cmk)
    data = body(64 * MIB)
    put(s3, bucket, "source", data, source)
    s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "source"}, **method.write)
    check_whole(s3, bucket, "k", data, method)


@pytest.mark.parametrize("source_name", sse.METHOD_NAMES)
def test_part_copy(s3, bucket, cmk, method, source_name):
    source = sse.method(source_name, cmk)
    data = body(11 * MIB + 7)
    put(s3, bucket, "source", data, source)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **method.write)["UploadId"]
    parts = []
    for number, first in enumerate(range(0, len(data), PART), 1):
        last = min(first + PART, len(data)) - 1
        answer = s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "source"},
            CopySourceRange=f"bytes={first}-{last}", **source.copy_source, **method.read,
        )  # fmt: skip
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    check_whole(s3, bucket, "k", data, method)


def test_copy_onto_itself_changes_the_method(s3, bucket, cmk):
    data = body(SEGMENT + 9)
    put(s3, bucket, "k", data, sse.method("plain", cmk))
    for name in ["sse-s3", "sse-kms", "sse-kms-bucket-key", "sse-kms", "plain"]:
        target = sse.method(name, cmk)
        source = {"Bucket": bucket, "Key": "k"}
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source, **target.write)
        check_whole(s3, bucket, "k", data, target)


def test_metadata_and_checksum_survive_every_method(s3, bucket, method):
    data = os.urandom(1000)
    s3.put_object(
        Bucket=bucket, Key="k", Body=data, Metadata={"a": "b"}, CacheControl="no-store", ChecksumAlgorithm="SHA256",
        **method.write,
    )  # fmt: skip
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **method.read)
    assert (got["Metadata"], got["CacheControl"]) == ({"a": "b"}, "no-store")
    assert got["ChecksumSHA256"] and got["Body"].read() == data


def test_everything_is_there_after_a_restart(server, s3, bucket, cmk):
    kept = {}
    for name in sse.METHOD_NAMES:
        data = body(SEGMENT + 3, seed=name)
        put(s3, bucket, name, data, sse.method(name, cmk))
        kept[name] = data
    server.restart()
    from harness import clients

    again = clients.s3(server)
    for name, data in kept.items():
        check_whole(again, bucket, name, data, sse.method(name, cmk))
