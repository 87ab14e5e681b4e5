"""A changed byte is an error, never data: every byte of the blob, and bytes all over the metadata files, are flipped in
turn; an object is read after each. Damage that is met before the head of an answer is sent is 500 InternalError, in either
dialect (s3-sse-behaviour §4); behind that the connection is cut, and what was released is a true beginning of the data."""

import http.client
import shutil
import ssl

import pytest
from test_sse_rules import Dialect

from harness import clients, disk, sse
from harness.server import StartFailed
from harness.sse import KIB, MIB, SEGMENT, body

# Metadata files are large and preallocated; each run looks at so many places of each, evenly spread over the bytes that
# are not zero, so that the time stays bounded.
RECORD_FLIPS_MAX = 200
# Segments that are opened before the head of an answer is sent.
FIRST_PIECE = 4 * SEGMENT
# What an answer came to, where it is not data.
REFUSED, CUT = "500 InternalError", "cut"


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


class Place:
    """A bucket, written to under one method and read, in the words of one dialect."""

    def __init__(self, server, dialect, bucket, method, cmk):
        self.server, self.dialect, self.bucket, self.method = server, dialect, bucket, method
        d, name = dialect, method.name
        self.read_headers = d.trio(method.customer) if method.customer else {}
        kms = {d.method: d.kms, d.key_id: cmk}
        self.write_headers = {
            "plain": {},
            "sse-s3": {d.method: "AES256"},
            "sse-kms": kms,
            "sse-kms-bucket-key": kms | {d.bucket_key: "true"},
            "sse-c": self.read_headers,
        }[name]

    def put(self, name, data):
        """Writes an object of more than a row's size; returns the one blob file that is new."""
        before = disk.settled_blobs(self.server)
        reply = self.dialect.send(self.server, "PUT", self.bucket, name, data, self.write_headers)
        assert reply.status == 200, reply.body
        (fresh,) = disk.settled_blobs(self.server) - before
        return fresh

    def get(self, name, range_=None):
        return get(self.server, self.dialect, self.bucket, name, self.read_headers, range_)


def get(server, dialect, bucket, name, headers, range_=None):
    """Status and data; REFUSED and nothing; or CUT and what came before. No other error is an answer to damage: least of all
    "there is no such object", a loss that nobody would notice."""
    if range_:
        headers = headers | {"Range": range_}
    try:
        reply = dialect.send(server, "GET", bucket, name, headers=headers)
    except http.client.IncompleteRead as cut:
        return CUT, cut.partial
    except (ConnectionResetError, ssl.SSLEOFError):
        return CUT, b""
    if reply.status in (200, 206):
        return reply.status, reply.body
    assert (reply.status, reply.code) == (500, "InternalError"), f"{name}: {reply.status} {reply.body[:300]}"
    return REFUSED, b""


@pytest.fixture
def place(server, dialect, bucket, method, cmk):
    return Place(server, dialect, bucket, method, cmk)


@pytest.fixture
def stored(place):
    """An object of a bit more than one segment in a blob of its own."""
    data = body(SEGMENT + 700)
    return place, data, place.put("k", data)


def check_flips(place, data, path, offsets):
    """Flips each byte, reads, puts it back. A client must never see other bytes than were written."""
    for offset in offsets:
        disk.flip(path, offset)
        try:
            assert place.get("k") == (REFUSED, b""), f"byte {offset} of {path.name}"
        finally:
            disk.flip(path, offset)
    assert place.get("k") == (200, data), "the damage was put back"


def test_every_byte_of_the_last_segment_of_a_blob(stored):
    place, data, path = stored
    size = path.stat().st_size
    # Who reads is asked the same way in both dialects; one of them is asked about every byte.
    step = 1 if place.dialect.name == "s3" else 9
    check_flips(place, data, path, range(size - 700 - 40, size, step))


def test_bytes_all_over_a_blob(stored):
    place, data, path = stored
    size = path.stat().st_size
    edges = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 15, SEGMENT + 16, size - 1]
    check_flips(place, data, path, sorted({*edges, *range(0, size, 677)}))


def test_a_blob_cut_short_or_grown_or_gone(stored):
    place, data, path = stored
    whole = path.read_bytes()
    for damaged in [b"", whole[:-1], whole[: SEGMENT + 16], whole[:SEGMENT], whole + b"\0", whole + whole]:
        path.write_bytes(damaged)
        assert place.get("k") == (REFUSED, b""), len(damaged)
    moved = path.with_suffix(".away")
    path.rename(moved)
    assert place.get("k") == (REFUSED, b"")
    moved.rename(path)
    path.write_bytes(whole)
    assert place.get("k") == (200, data)


def test_segments_swapped_and_repeated(place):
    data = body(3 * SEGMENT)
    path = place.put("k", data)
    whole = path.read_bytes()
    step = len(whole) // 3
    one, two, three = whole[:step], whole[step : 2 * step], whole[2 * step :]
    for order in [two + one + three, one + one + three, one + two + two, three + two + one, one + three]:
        path.write_bytes(order)
        assert place.get("k") == (REFUSED, b"")
    path.write_bytes(whole)
    assert place.get("k") == (200, data)


def test_a_damaged_segment_hurts_only_ranges_that_need_it(place):
    """And shows that a range opens the segments it needs and no others."""
    data = body(4 * SEGMENT)
    path = place.put("k", data)
    disk.flip(path, 2 * (path.stat().st_size // 4) + 100)
    assert place.get("k", "bytes=0-131071") == (206, data[:131072])
    assert place.get("k", f"bytes={3 * SEGMENT}-") == (206, data[3 * SEGMENT :])
    assert place.get("k", f"bytes={2 * SEGMENT}-{2 * SEGMENT}") == (REFUSED, b"")
    assert place.get("k") == (REFUSED, b"")


def test_damage_behind_the_head_cuts_the_answer(place):
    """Status and length are sent by then: the answer ends before its length, and nothing of the damaged piece or of what
    follows it is in it."""
    data = body(3 * MIB)
    path = place.put("k", data)
    segments = 3 * MIB // SEGMENT
    damaged_at = 32 * SEGMENT
    flipped = 32 * (path.stat().st_size // segments) + 100
    disk.flip(path, flipped)
    outcome, released = place.get("k")
    assert outcome == CUT
    assert data.startswith(released) and len(released) <= damaged_at
    # Asked for from there on, it is met before the head.
    assert place.get("k", f"bytes={damaged_at}-") == (REFUSED, b"")
    assert place.get("k", f"bytes=0-{FIRST_PIECE - 1}") == (206, data[:FIRST_PIECE])
    disk.flip(path, flipped)
    assert place.get("k") == (200, data)


def test_blobs_of_two_objects_swapped(place):
    """Same key, same length, same bucket: still not interchangeable."""
    data = [body(200 * KIB, seed) for seed in (1, 2)]
    paths = [place.put(f"k{i}", data[i]) for i in (0, 1)]
    contents = [path.read_bytes() for path in paths]
    paths[0].write_bytes(contents[1])
    paths[1].write_bytes(contents[0])
    for i in (0, 1):
        assert place.get(f"k{i}") == (REFUSED, b"")
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    assert place.get("k0") == (200, data[0])


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
            customer = sse.method(name, cmk).customer
            headers = customer.headers() if customer else {}
            outcome, received = get(origin, Dialect("s3"), "records", name, headers)
            assert outcome == REFUSED or received == data, f"byte {at} of {path.name}: {name} came back wrong"
            refused_reads += outcome == REFUSED
        origin.kill()
    assert refused_starts + refused_reads > 0, "no flip was noticed: the test looks in the wrong place"


def test_damage_is_not_listed_away(place, s3):
    """A damaged object stays listed and can be deleted."""
    disk.flip(place.put("k", body(200 * KIB)), 5)
    assert s3.list_objects_v2(Bucket=place.bucket)["KeyCount"] == 1
    reply = place.dialect.send(place.server, "HEAD", place.bucket, "k", headers=place.read_headers)
    assert reply.status == 200
    assert place.get("k") == (REFUSED, b"")
    s3.delete_object(Bucket=place.bucket, Key="k")
    assert s3.list_objects_v2(Bucket=place.bucket)["KeyCount"] == 0
