"""A changed byte is an error, never data: every byte of the blob, and bytes all over the metadata files, are flipped in
turn; an object is read after each. What comes back is the right data (the byte did not matter to it), an error, or a cut
connection, and never anything else."""

import http.client
import os
import shutil

import pytest
from botocore.exceptions import ClientError

from harness import clients, disk, signing, sse
from harness.server import StartFailed
from harness.sse import KIB, SEGMENT, body

# Metadata files are large and preallocated; each run looks at so many places of each, evenly spread over the bytes that
# are not zero, so that the time stays bounded.
RECORD_FLIPS_MAX = 200
RIGHT, REFUSED = "right", "refused"


def read(server, bucket, name, method, range_=None):
    """What a client gets: RIGHT data is told apart by the caller; REFUSED is any error or cut."""
    headers = method.customer.headers() if method.customer else {}
    if range_:
        headers["Range"] = range_
    try:
        reply = signing.v4(server, "GET", f"/{bucket}/{name}", headers=headers, tls=True)
    except (http.client.HTTPException, OSError):
        return REFUSED, b""
    if reply.status not in (200, 206):
        # "There is no such object" would be a loss that nobody notices.
        assert reply.status != 404, f"{name} has vanished: {reply.code}"
        return REFUSED, b""
    return reply.status, reply.body


def blob_of(server, before):
    """The one blob file that is new since `before`."""
    (fresh,) = disk.settled_blobs(server) - before
    return fresh


@pytest.fixture(params=sse.METHOD_NAMES)
def stored(request, server, s3, cmk, bucket):
    """An object of a bit more than one segment in a blob of its own."""
    method = sse.method(request.param, cmk)
    before = disk.settled_blobs(server)
    data = body(SEGMENT + 700)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **method.write)
    return method, data, blob_of(server, before)


def check_flips(server, bucket, method, data, path, offsets):
    """Flips each byte, reads, puts it back. A client must never see other bytes than were written."""
    for offset in offsets:
        disk.flip(path, offset)
        try:
            outcome, received = read(server, bucket, "k", method)
            assert outcome == REFUSED, f"byte {offset} of {path.name}: answered {outcome} with {len(received)} bytes"
        finally:
            disk.flip(path, offset)
    assert read(server, bucket, "k", method) == (200, data), "the damage was put back"


def test_every_byte_of_the_last_segment_of_a_blob(server, bucket, stored):
    method, data, path = stored
    size = path.stat().st_size
    first_of_last = size - 700 - 40
    check_flips(server, bucket, method, data, path, range(first_of_last, size))


def test_bytes_all_over_a_blob(server, bucket, stored):
    method, data, path = stored
    size = path.stat().st_size
    edges = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 15, SEGMENT + 16, size - 1]
    check_flips(server, bucket, method, data, path, sorted({*edges, *range(0, size, 677)}))


def test_a_blob_cut_short_or_grown_or_gone(server, bucket, stored):
    method, data, path = stored
    whole = path.read_bytes()
    for damaged in [b"", whole[:-1], whole[: SEGMENT + 16], whole[:SEGMENT], whole + b"\0", whole + whole]:
        path.write_bytes(damaged)
        outcome, received = read(server, bucket, "k", method)
        assert outcome == REFUSED or received == data, len(damaged)
        if len(damaged) < len(whole):
            assert outcome == REFUSED, len(damaged)
    moved = path.with_suffix(".away")
    path.rename(moved)
    assert read(server, bucket, "k", method)[0] == REFUSED
    moved.rename(path)
    path.write_bytes(whole)
    assert read(server, bucket, "k", method) == (200, data)


def test_segments_swapped_and_repeated(server, s3, cmk, bucket, method):
    data = body(3 * SEGMENT)
    before = disk.settled_blobs(server)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **method.write)
    path = blob_of(server, before)
    whole = path.read_bytes()
    step = len(whole) // 3
    one, two, three = whole[:step], whole[step : 2 * step], whole[2 * step :]
    for order in [two + one + three, one + one + three, one + two + two, three + two + one, one + three]:
        path.write_bytes(order)
        assert read(server, bucket, "k", method)[0] == REFUSED
    path.write_bytes(whole)
    assert read(server, bucket, "k", method) == (200, data)


def test_a_damaged_segment_hurts_only_ranges_that_need_it(server, s3, cmk, bucket, method):
    """And shows that a range opens the segments it needs and no others."""
    data = body(4 * SEGMENT)
    before = disk.settled_blobs(server)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **method.write)
    path = blob_of(server, before)
    disk.flip(path, 2 * (path.stat().st_size // 4) + 100)
    assert read(server, bucket, "k", method, "bytes=0-131071") == (206, data[:131072])
    assert read(server, bucket, "k", method, f"bytes={3 * SEGMENT}-") == (206, data[3 * SEGMENT :])
    assert read(server, bucket, "k", method, f"bytes={2 * SEGMENT}-{2 * SEGMENT}")[0] == REFUSED
    assert read(server, bucket, "k", method)[0] == REFUSED


def test_blobs_of_two_objects_swapped(server, s3, cmk, bucket, method):
    """Same key, same length, same bucket: still not interchangeable."""
    before = disk.settled_blobs(server)
    data = [body(200 * KIB, seed) for seed in (1, 2)]
    paths = []
    for i in (0, 1):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=data[i], **method.write)
        paths.append(blob_of(server, before))
        before.add(paths[-1])
    contents = [path.read_bytes() for path in paths]
    paths[0].write_bytes(contents[1])
    paths[1].write_bytes(contents[0])
    for i in (0, 1):
        assert read(server, bucket, f"k{i}", method)[0] == REFUSED
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    assert read(server, bucket, "k0", method) == (200, data[0])


def places(path, count_max):
    """Offsets of bytes that are not zero, evenly spread."""
    content = path.read_bytes()
    used = [i for i, byte in enumerate(content) if byte]
    if len(used) <= count_max:
        return used
    step = len(used) / count_max
    return [used[int(i * step)] for i in range(count_max)]


@pytest.mark.timeout(900)
def test_flipped_bytes_in_records(make_server, tmp_path):
    """Small objects live in the metadata files, records and bodies together. Each flip is made in a copy of the data
    directory of a stopped server, which is then started: it refuses to start, or every object is right or refused."""
    origin = make_server()
    s3 = clients.s3(origin)
    cmk = clients.kms(origin).create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="records")
    contents = {}
    for name in sse.METHOD_NAMES:
        contents[name] = body(300, seed=name)
        s3.put_object(Bucket="records", Key=name, Body=contents[name], **sse.method(name, cmk).write)
    assert origin.stop() == 0
    pristine = tmp_path / "pristine"
    shutil.copytree(origin.data, pristine)

    flips = [(path, at) for path in disk.files(pristine / "meta") for at in places(path, RECORD_FLIPS_MAX)]
    # As many starts as there is time for, over all files alike.
    flips = flips[:: max(1, len(flips) // 120)]
    assert len(flips) >= 60, "there are records to damage"
    refused_starts = refused_reads = 0
    for path, at in flips:
        shutil.rmtree(origin.data)
        shutil.copytree(pristine, origin.data)
        disk.flip(origin.data / path.relative_to(pristine), at)
        try:
            origin.start()
        except StartFailed as failed:
            assert "panicked" not in failed.stderr, failed.stderr[-2000:]
            refused_starts += 1
            continue
        for name, data in contents.items():
            outcome, received = read(origin, "records", name, sse.method(name, cmk))
            assert outcome == REFUSED or received == data, f"byte {at} of {path.name}: {name} came back wrong"
            refused_reads += outcome == REFUSED
        origin.kill()
    assert refused_starts + refused_reads > 0, "no flip was noticed: the test looks in the wrong place"


def test_damage_is_not_listed_away(server, s3, bucket, cmk):
    """A damaged object stays listed and can be deleted."""
    before = disk.settled_blobs(server)
    s3.put_object(Bucket=bucket, Key="k", Body=os.urandom(200 * KIB), **sse.method("sse-kms", cmk).write)
    disk.flip(blob_of(server, before), 5)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    s3.head_object(Bucket=bucket, Key="k")
    with pytest.raises((ClientError, http.client.HTTPException, OSError, Exception)):
        s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
