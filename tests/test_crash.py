"""`kill -9` in the middle of a write load, twenty times over: what was acknowledged is there, whole; what was not is absent
or whole; nothing else is there."""

import hashlib
import random
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from harness import clients, sse
from harness.sse import KIB, MIB

ROUNDS = 20
WRITERS = 6
BUCKET = "crash"


class Ledger:
    """What each name may hold: the last acknowledged state, and states whose answer never came."""

    def __init__(self):
        self.acknowledged = {}  # name -> digest, or None when the deletion was acknowledged
        self.possible = {}  # name -> digests (or None) that were under way when the server was killed

    def begin(self, name, state):
        self.possible.setdefault(name, set()).add(state)

    def done(self, name, state):
        self.acknowledged[name] = state
        self.possible[name] = set()

    def allowed(self, name):
        return {self.acknowledged.get(name), *self.possible.get(name, ())}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def write_until_cut(server, cmk, writer, seed, ledger, progress):
    """One thread's load: small and large puts, multipart uploads, copies and deletions, each of its own names."""
    rng = random.Random(seed)
    s3 = clients.s3(server, tls=True)
    methods = [sse.method(name, cmk) for name in sse.METHOD_NAMES]
    try:
        while True:
            name = f"w{writer}/{rng.randrange(6)}"
            kind = rng.choices(["small", "large", "multipart", "copy", "delete"], [8, 3, 1, 1, 2])[0]
            method = rng.choice(methods)
            name = f"{name}-{method.name}"
            if kind == "delete":
                ledger.begin(name, None)
                s3.delete_object(Bucket=BUCKET, Key=name)
                ledger.done(name, None)
            elif kind == "multipart":
                parts_data = [rng.randbytes(5 * MIB), rng.randbytes(rng.randrange(100 * KIB))]
                state = digest(b"".join(parts_data))
                upload = s3.create_multipart_upload(Bucket=BUCKET, Key=name, **method.write)["UploadId"]
                parts = []
                for number, data in enumerate(parts_data, 1):
                    tag = s3.upload_part(
                        Bucket=BUCKET, Key=name, UploadId=upload, PartNumber=number, Body=data, **method.read
                    )["ETag"]  # fmt: skip
                    parts.append({"PartNumber": number, "ETag": tag})
                ledger.begin(name, state)
                s3.complete_multipart_upload(
                    Bucket=BUCKET, Key=name, UploadId=upload, MultipartUpload={"Parts": parts}
                )  # fmt: skip
                ledger.done(name, state)
            else:
                size = rng.randrange(20 * KIB) if kind == "small" else rng.randrange(100 * KIB, 2 * MIB)
                data = rng.randbytes(size)
                ledger.begin(name, digest(data))
                s3.put_object(Bucket=BUCKET, Key=name, Body=data, **method.write)
                ledger.done(name, digest(data))
                if kind == "copy":
                    target = f"{name}-copy"
                    ledger.begin(target, digest(data))
                    s3.copy_object(
                        Bucket=BUCKET, Key=target, CopySource={"Bucket": BUCKET, "Key": name}, **method.copy_source,
                        **method.write,
                    )  # fmt: skip
                    ledger.done(target, digest(data))
            progress.release()
    except (ClientError, BotoCoreError, OSError) as error:
        if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            progress.failure = error
        progress.release(1000)


class Progress(threading.Semaphore):
    """Counts finished operations, so that the kill comes after a number of them and not after a time."""

    failure = None


def compare(server, cmk, ledger):
    s3 = clients.s3(server)
    listed = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        listed.update({o["Key"]: o["Size"] for o in page.get("Contents", [])})
    names = set(listed) | set(ledger.acknowledged) | set(ledger.possible)
    for name in sorted(names):
        allowed = ledger.allowed(name)
        if name not in listed:
            assert None in allowed, f"{name} was acknowledged and is lost"
            ledger.done(name, None)
            continue
        method = sse.method(name.split("-", 1)[1].removesuffix("-copy"), cmk)
        data = s3.get_object(Bucket=BUCKET, Key=name, **method.read)["Body"].read()
        assert len(data) == listed[name]
        assert digest(data) in allowed, f"{name} is neither what was acknowledged nor what was under way"
        ledger.done(name, digest(data))


@pytest.mark.timeout(1200)
def test_nothing_acknowledged_is_lost_and_nothing_is_torn(make_server):
    server = make_server()
    cmk = clients.kms(server).create_key()["KeyMetadata"]["Arn"]
    clients.s3(server).create_bucket(Bucket=BUCKET)
    ledgers = [Ledger() for _ in range(WRITERS)]
    written = 0
    for round_ in range(ROUNDS):
        progress = Progress(0)
        threads = [
            threading.Thread(target=write_until_cut, args=(server, cmk, w, f"{round_}/{w}", ledgers[w], progress))
            for w in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for _ in range(random.Random(round_).randrange(8, 50)):
            assert progress.acquire(timeout=60), "the load is stuck"
            written += 1
        server.kill()
        for thread in threads:
            thread.join(60)
        assert progress.failure is None, progress.failure
        server.start()
        whole = Ledger()
        for ledger in ledgers:
            whole.acknowledged |= ledger.acknowledged
            whole.possible |= {name: set(states) for name, states in ledger.possible.items()}
        compare(server, cmk, whole)
        for w, ledger in enumerate(ledgers):
            mine = {n: s for n, s in whole.acknowledged.items() if n.startswith(f"w{w}/")}
            ledger.acknowledged, ledger.possible = mine, {}
    assert written > 20 * ROUNDS / 2
    assert server.stop() == 0
    assert "panicked" not in server.log()


def test_uploads_in_progress_survive_a_kill(make_server):
    server = make_server()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket=BUCKET)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k", ServerSideEncryption="aws:kms")["UploadId"]
    first = sse.body(5 * MIB, 1)
    tag = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=1, Body=first)["ETag"]
    server.kill()
    server.start()
    s3 = clients.s3(server)
    assert [p["ETag"] for p in s3.list_parts(Bucket=BUCKET, Key="k", UploadId=upload)["Parts"]] == [tag]
    last = sse.body(1000, 2)
    parts = [{"PartNumber": 1, "ETag": tag}]
    tag = s3.upload_part(Bucket=BUCKET, Key="k", UploadId=upload, PartNumber=2, Body=last)["ETag"]
    parts.append({"PartNumber": 2, "ETag": tag})
    s3.complete_multipart_upload(Bucket=BUCKET, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == first + last


def test_blobs_nobody_owns_are_removed(make_server):
    """An overwrite, a deletion and an aborted upload give their bytes back, at the latest by the next start."""
    from harness import disk

    server = make_server()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket=BUCKET)
    for i in range(3):
        s3.put_object(Bucket=BUCKET, Key="overwritten", Body=sse.body(MIB, i))
    s3.put_object(Bucket=BUCKET, Key="deleted", Body=sse.body(MIB, 7))
    s3.delete_object(Bucket=BUCKET, Key="deleted")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="aborted")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="aborted", UploadId=upload, PartNumber=1, Body=sse.body(MIB, 8))
    s3.abort_multipart_upload(Bucket=BUCKET, Key="aborted", UploadId=upload)
    server.restart()
    assert server.stop() == 0
    stored = sum(path.stat().st_size for path in disk.files(server.data / "blobs"))
    assert MIB <= stored < MIB + 64 * KIB, f"{stored} bytes of blobs for one object of 1 MiB"
