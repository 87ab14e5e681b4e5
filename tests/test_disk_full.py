"""DESIGN's row "disk full": writes are refused with the right code and leave nothing behind, reads and deletions go on, and
when room is made so do writes. The whole data directory lies on a small disk, which somebody else fills."""

import pytest
from botocore.exceptions import ClientError

from harness import clients, sse
from harness.small_disk import SmallDisk

DISK = "120m"
# A small body lies in the metadata, a large one in a file.
SMALL, LARGE = b"small " * 100, b"a body in a file of its own " * 40_000


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path / "small", DISK)
    yield disk
    disk.unmount()


@pytest.fixture
def server(make_server, small_disk, tmp_path):
    # No key is used while its event cannot be written, so the audit log is on another disk here.
    server = make_server("--audit-dir", str(tmp_path / "audit"), start=False)
    on(small_disk, server).start()
    yield server
    server.kill()


def on(disk, server):
    server.data, server.data_for_server, server.enter = disk.seen / "data", disk.path / "data", disk.enter
    return server


def refusal(call, *arguments, **more):
    with pytest.raises(ClientError) as error:
        call(*arguments, **more)
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"], error.value.response["Error"]["Code"]


def reserve(server):
    return (server.data / "meta/reserve").stat().st_blocks * 512


@pytest.mark.parametrize("left", [2 << 20, 4096])
def test_reads_and_deletions_go_on_and_writes_recover_by_themselves(server, small_disk, left):
    s3 = clients.s3(server)
    cmk = clients.kms(server).create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="full")
    methods = {name: sse.method(name, cmk) for name in sse.METHOD_NAMES}
    bodies = {}
    for name, method in methods.items():
        for size, body in (("small", SMALL), ("large", LARGE)):
            for n in range(3):
                bodies[f"{name}/{size}/{n}"] = body
                s3.put_object(Bucket="full", Key=f"{name}/{size}/{n}", Body=body, **method.write)
    upload = s3.create_multipart_upload(Bucket="full", Key="upload")["UploadId"]
    s3.upload_part(Bucket="full", Key="upload", UploadId=upload, PartNumber=1, Body=LARGE)
    assert reserve(server) == 6 << 20, "a twentieth of the disk"

    small_disk.leave_free(left)
    for name, method in methods.items():
        for body in (SMALL, LARGE):
            assert refusal(s3.put_object, Bucket="full", Key=f"{name}/new", Body=body, **method.write) == (
                503,
                "ServiceUnavailable",
            )
        assert refusal(s3.head_object, Bucket="full", Key=f"{name}/new", **method.read)[0] == 404, "nothing half-written"
        for size in ("small", "large"):
            key = f"{name}/{size}/0"
            assert s3.get_object(Bucket="full", Key=key, **method.read)["Body"].read() == bodies[key]
            assert s3.head_object(Bucket="full", Key=key, **method.read)["ContentLength"] == len(bodies[key])
    listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket="full")["Contents"]}
    assert listed == set(bodies), "nothing of what was refused"

    for name in methods:
        for size in ("small", "large"):
            s3.delete_object(Bucket="full", Key=f"{name}/{size}/0")
            gone = [{"Key": f"{name}/{size}/1"}]
            assert "Errors" not in s3.delete_objects(Bucket="full", Delete={"Objects": gone})
    s3.abort_multipart_upload(Bucket="full", Key="upload", UploadId=upload)
    kept = {key for key in bodies if key.endswith("/2")}
    assert {entry["Key"] for entry in s3.list_objects_v2(Bucket="full")["Contents"]} == kept
    assert reserve(server) in ((6 << 20), 0)

    small_disk.free()
    for name, method in methods.items():
        for body in (SMALL, LARGE):
            s3.put_object(Bucket="full", Key=f"{name}/new", Body=body, **method.write)
            assert s3.get_object(Bucket="full", Key=f"{name}/new", **method.read)["Body"].read() == body
        for size in ("small", "large"):
            key = f"{name}/{size}/2"
            assert s3.get_object(Bucket="full", Key=key, **method.read)["Body"].read() == bodies[key]
    assert reserve(server) == 6 << 20, "taken again"
    server.restart()
    kept |= {f"{name}/new" for name in methods}
    assert {entry["Key"] for entry in clients.s3(server).list_objects_v2(Bucket="full")["Contents"]} == kept


def test_a_server_starts_on_a_full_disk_and_deletes(server, small_disk):
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="full")
    for n in range(10):
        s3.put_object(Bucket="full", Key=f"k/{n}", Body=SMALL)
    server.stop()
    small_disk.fill()
    server.start()
    assert refusal(s3.put_object, Bucket="full", Key="new", Body=SMALL) == (503, "ServiceUnavailable")
    assert s3.get_object(Bucket="full", Key="k/0")["Body"].read() == SMALL
    for n in range(10):
        s3.delete_object(Bucket="full", Key=f"k/{n}")
    s3.delete_bucket(Bucket="full")
    assert s3.list_buckets()["Buckets"] == []


def test_deletions_do_not_wait_for_the_audit_log(make_server, small_disk):
    """The log lies on the same disk, as it does unless it is put elsewhere: no key is handed out, and none is needed."""
    server = on(small_disk, make_server(start=False)).start()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="full")
    for n in range(3):
        s3.put_object(Bucket="full", Key=f"plain/{n}", Body=LARGE)
        s3.put_object(Bucket="full", Key=f"kms/{n}", Body=LARGE, ServerSideEncryption="aws:kms")
    small_disk.fill()
    assert refusal(s3.put_object, Bucket="full", Key="new", Body=LARGE) == (503, "ServiceUnavailable")
    sealed = {"ServerSideEncryption": "aws:kms"}
    assert refusal(s3.put_object, Bucket="full", Key="new", Body=LARGE, **sealed) == (503, "ServiceUnavailable")
    assert s3.get_object(Bucket="full", Key="plain/0")["Body"].read() == LARGE
    for n in range(3):
        s3.delete_object(Bucket="full", Key=f"plain/{n}")
        s3.delete_object(Bucket="full", Key=f"kms/{n}")
    assert "Contents" not in s3.list_objects_v2(Bucket="full")
    small_disk.free()
    s3.put_object(Bucket="full", Key="new", Body=LARGE, **sealed)
    assert s3.get_object(Bucket="full", Key="new")["Body"].read() == LARGE
    server.kill()
