"""Objects as an S3 program uses them, through boto3: over HTTPS and HTTP, path style and virtual-hosted."""

import base64
import hashlib
import io
import uuid
import zlib

import pytest
from botocore.exceptions import ClientError

from harness import clients, signing, sse
from harness.sse import MIB, SEGMENT, body


def code(error):
    return error.value.response["Error"]["Code"]


def status(error):
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(params=["https-path", "http-path", "https-virtual", "http-virtual", "https-v2"])
def client(request, server):
    """boto3 in each way to reach and to sign."""
    transport, style = request.param.split("-")
    signature = "s3" if style == "v2" else "s3v4"
    return clients.s3(server, tls=transport == "https", virtual_hosted=style == "virtual", signature=signature)


def test_put_get_head_delete(client, bucket):
    data = body(100_000)
    put = client.put_object(
        Bucket=bucket, Key="dir/a b+c/ü.bin", Body=data, ContentType="text/x-test", Metadata={"colour": "blue"}
    )
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = client.get_object(Bucket=bucket, Key="dir/a b+c/ü.bin")
    assert got["Body"].read() == data
    assert (got["ContentType"], got["Metadata"]) == ("text/x-test", {"colour": "blue"})
    head = client.head_object(Bucket=bucket, Key="dir/a b+c/ü.bin")
    assert (head["ContentLength"], head["ETag"]) == (len(data), put["ETag"])
    client.delete_object(Bucket=bucket, Key="dir/a b+c/ü.bin")
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket=bucket, Key="dir/a b+c/ü.bin")
    assert (status(error), code(error)) == (404, "NoSuchKey")
    client.delete_object(Bucket=bucket, Key="dir/a b+c/ü.bin")


def test_buckets(server, client):
    name = f"b-{uuid.uuid4().hex[:20]}"
    client.create_bucket(Bucket=name)
    assert name in [b["Name"] for b in client.list_buckets()["Buckets"]]
    assert client.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "local-1"
    client.put_object(Bucket=name, Key="k", Body=b"x")
    with pytest.raises(ClientError) as error:
        client.delete_bucket(Bucket=name)
    assert (status(error), code(error)) == (409, "BucketNotEmpty")
    client.delete_object(Bucket=name, Key="k")
    client.delete_bucket(Bucket=name)
    with pytest.raises(ClientError) as error:
        client.head_bucket(Bucket=name)
    assert status(error) == 404


def test_invalid_bucket_names_are_refused(server):
    for name in ["AB", "a", "UPPER", "a..b", "-abc", "192.168.0.1", "x" * 64]:
        reply = signing.v4(server, "PUT", f"/{name}")
        assert (reply.status, reply.code) == (400, "InvalidBucketName"), name


def test_ranges(s3, bucket):
    data = body(3 * SEGMENT + 123)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    size = len(data)
    for spec, first, last in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        (f"bytes={SEGMENT - 1}-{SEGMENT}", SEGMENT - 1, SEGMENT),
        (f"bytes={SEGMENT}-", SEGMENT, size - 1),
        ("bytes=-5", size - 5, size - 1),
        (f"bytes=5-{size + 100}", 5, size - 1),
        (f"bytes=-{size * 2}", 0, size - 1),
    ]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=spec)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"] == f"bytes {first}-{last}/{size}", spec
        assert got["Body"].read() == data[first : last + 1], spec
    for spec in [f"bytes={size}-", "bytes=-0"]:
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket=bucket, Key="k", Range=spec)
        assert (status(error), code(error)) == (416, "InvalidRange"), spec
    for spec in ["bytes=5-2", "bytes=a-b", "bytes=0-1,4-5", "lines=1-2"]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=spec)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 200 and got["Body"].read() == data, spec


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"hello"
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')["Body"].read() == b"hello"
    for arguments, wanted in [({"IfNoneMatch": etag}, 304), ({"IfMatch": '"other"'}, 412)]:
        for call in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as error:
                call(Bucket=bucket, Key="k", **arguments)
            assert status(error) == wanted, arguments


def test_conditional_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"one", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*")
    assert (status(error), code(error)) == (412, "PreconditionFailed")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch='"0123456789abcdef0123456789abcdef"')
    assert status(error) == 412
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="image/png", ResponseContentDisposition='attachment; filename="a"'
    )
    assert got["ContentType"] == "image/png"
    assert got["ContentDisposition"] == 'attachment; filename="a"'


def test_listing(s3, bucket):
    names = ["a", "a/1", "a/2", "b/1/x", "b/2", "c", "d e", "ü", "z&z"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    everything = s3.list_objects_v2(Bucket=bucket)
    assert [o["Key"] for o in everything["Contents"]] == sorted(names, key=str.encode)
    assert everything["KeyCount"] == len(names) and not everything["IsTruncated"]
    assert {o["Key"]: o["Size"] for o in everything["Contents"]} == {n: len(n.encode()) for n in names}

    folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in folders["CommonPrefixes"]] == ["a/", "b/"]
    assert [o["Key"] for o in folders["Contents"]] == ["a", "c", "d e", "z&z", "ü"]
    below = s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/")
    assert [p["Prefix"] for p in below["CommonPrefixes"]] == ["b/1/"]
    assert [o["Key"] for o in below["Contents"]] == ["b/2"]

    paged, token = [], {}
    while True:
        page = s3.list_objects_v2(Bucket=bucket, MaxKeys=2, Delimiter="/", **token)
        entries = [o["Key"] for o in page.get("Contents", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        assert len(entries) <= 2
        paged += entries
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert sorted(paged) == sorted(["a", "a/", "b/", "c", "d e", "z&z", "ü"])

    first = s3.list_objects(Bucket=bucket, Marker="b/1/x", MaxKeys=2)
    assert [o["Key"] for o in first["Contents"]] == ["b/2", "c"] and first["IsTruncated"]
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="d e")
    assert [o["Key"] for o in after["Contents"]] == ["z&z", "ü"]
    assert s3.list_objects_v2(Bucket=bucket, Prefix="nothing")["KeyCount"] == 0
    encoded = s3.list_objects_v2(Bucket=bucket, EncodingType="url", Prefix="d")
    assert encoded["EncodingType"] == "url" and encoded["Contents"][0]["Key"] in ("d%20e", "d+e")


def test_delete_objects(s3, bucket):
    for i in range(25):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    doomed = [{"Key": f"k{i}"} for i in range(20)] + [{"Key": "never-was"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed})
    assert {d["Key"] for d in answer["Deleted"]} == {d["Key"] for d in doomed} and "Errors" not in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 5
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k20"}], "Quiet": True})
    assert "Deleted" not in quiet


def test_copy(s3, bucket):
    data = body(SEGMENT + 1)
    s3.put_object(Bucket=bucket, Key="from/ä b", Body=data, ContentType="text/x-a", Metadata={"a": "1"})
    source = {"Bucket": bucket, "Key": "from/ä b"}
    answer = s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert answer["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (data, "text/x-a", {"a": "1"})
    s3.copy_object(
        Bucket=bucket, Key="to", CopySource=source, MetadataDirective="REPLACE", ContentType="b/b", Metadata={"b": "2"}
    )
    head = s3.head_object(Bucket=bucket, Key="to")
    assert (head["ContentType"], head["Metadata"]) == ("b/b", {"b": "2"})
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, CopySourceIfMatch='"other"')
    assert status(error) == 412
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "missing"})
    assert (status(error), code(error)) == (404, "NoSuchKey")
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="from/ä b", CopySource=source)
    assert (status(error), code(error)) == (400, "InvalidRequest")


def test_multipart(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", ContentType="text/x-b")["UploadId"]
    parts = [body(5 * MIB, 1), body(5 * MIB + 1, 2), body(17, 3)]
    tags = {}
    for number, part in [(3, parts[2]), (1, parts[0]), (7, parts[1])]:
        tags[number] = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=part)["ETag"]
    listed = s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == [(1, 5 * MIB), (3, 17), (7, 5 * MIB + 1)]
    uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in uploads] == [("big", upload)]

    # Part 3 is small and not the last: refused, and the upload is as it was.
    named = [{"PartNumber": n, "ETag": tags[n]} for n in (1, 3, 7)]
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": named})
    assert (status(error), code(error)) == (400, "EntityTooSmall")
    with pytest.raises(ClientError) as error:
        wrong = [{"PartNumber": 1, "ETag": tags[7]}]
        s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": wrong})
    assert code(error) == "InvalidPart"
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": named[::-1]})
    assert code(error) == "InvalidPartOrder"

    tags[9] = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=9, Body=parts[2])["ETag"]
    named = [{"PartNumber": n, "ETag": tags[n]} for n in (1, 7, 9)]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": named})
    digests = b"".join(hashlib.md5(p).digest() for p in (parts[0], parts[1], parts[2]))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    whole = parts[0] + parts[1] + parts[2]
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == whole and got["ContentType"] == "text/x-b"
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert second["Body"].read() == parts[1] and second["PartsCount"] == 3
    with pytest.raises(ClientError) as error:
        s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)
    assert (status(error), code(error)) == (404, "NoSuchUpload")


def test_part_copy_and_abort(s3, bucket):
    data = body(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    one = s3.upload_part_copy(
        Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange=f"bytes=0-{5 * MIB - 1}",
    )["CopyPartResult"]["ETag"]  # fmt: skip
    two = s3.upload_part_copy(
        Bucket=bucket, Key="k", UploadId=upload, PartNumber=2, CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange=f"bytes={5 * MIB}-{6 * MIB - 1}",
    )["CopyPartResult"]["ETag"]  # fmt: skip
    named = [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": named})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k2")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k2", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="k2", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        s3.upload_part(Bucket=bucket, Key="k2", UploadId=upload, PartNumber=1, Body=b"x")
    assert code(error) == "NoSuchUpload"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("tls", [True, False], ids=["trailer", "header"])
def test_checksums(server, bucket, algorithm, tls):
    """boto3 sends the checksum as a trailer over TLS and as a header over HTTP; it checks the one that comes back."""
    client = clients.s3(server, tls=tls)
    data = body(70_000)
    put = client.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(data), ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    assert put[field]
    head = client.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[field], head["ChecksumType"]) == (put[field], "FULL_OBJECT")
    assert client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == data


def test_wrong_digests_commit_nothing(server, s3, bucket):
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    crc = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    for headers, wanted in [
        ({"Content-MD5": md5}, "BadDigest"),
        ({"Content-MD5": "nonsense"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": crc}, "BadDigest"),
        ({"x-amz-checksum-crc32": "nonsense"}, "InvalidRequest"),
    ]:
        reply = signing.v4(server, "PUT", f"/{bucket}/k", b"hello", headers)
        assert (reply.status, reply.code) == (400, wanted), headers
    reply = signing.v4(server, "PUT", f"/{bucket}/k", b"hello", payload=hashlib.sha256(b"other").hexdigest())
    assert (reply.status, reply.code) == (400, "XAmzContentSHA256Mismatch")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_presigned_urls(server, s3, bucket):
    import requests

    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.put(put, data=b"by url", verify=str(server.ca)).status_code == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.get(get, verify=str(server.ca)).content == b"by url"
    assert requests.get(get.replace("/k?", "/other?"), verify=str(server.ca)).status_code == 403


def test_unknown_operations_say_so(server, bucket):
    for query in ["tagging", "cors", "lifecycle", "replication"]:
        reply = signing.v4(server, "PUT", f"/{bucket}", b"<x/>", query=[(query, None)])
        assert reply.status in (400, 501) and reply.code, query


def test_upload_and_download_by_the_transfer_manager(s3, bucket, tmp_path):
    """The managed transfers of boto3: multipart in parallel up, ranged in parallel down."""
    data = body(24 * MIB)
    path = tmp_path / "file"
    path.write_bytes(data)
    s3.upload_file(str(path), bucket, "k")
    assert "-" in s3.head_object(Bucket=bucket, Key="k")["ETag"]
    s3.download_file(bucket, "k", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


def test_sse_headers_of_a_bucket_default(s3, bucket, cmk):
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": cmk},
                    "BucketKeyEnabled": True,
                }
            ]
        },
    )
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": cmk}
    assert rule["BucketKeyEnabled"] is True
    wanted = sse.method("sse-kms-bucket-key", cmk)
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    wanted.check(put)
    wanted.check(s3.head_object(Bucket=bucket, Key="k"))
    overridden = s3.put_object(Bucket=bucket, Key="k2", Body=b"hello", ServerSideEncryption="AES256")
    sse.method("sse-s3", cmk).check(overridden)
    for _ in range(2):
        s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    sse.method("plain", cmk).check(s3.put_object(Bucket=bucket, Key="k3", Body=b"hello"))
