"""Proof at rest: a server that was stopped is verified from its data directory: everything opens, nothing is wrong; damage
is found and named; what cannot be verified is told apart."""

import base64
import hashlib
import json
import shutil
import subprocess

import pytest

from harness import clients, disk, sse
from harness.server import REPOSITORY, binary, clean_environment
from harness.sse import KIB, body

MIB = 1024 * 1024
HOSTILE = "<script>alert(1)</script>,=1+1"
SM4 = "x-amz-server-side-data-encryption"


def verify(data, *arguments, env=None):
    """Exit code, and what was said."""
    command = [binary(), "verify-at-rest", "--data", data, *map(str, arguments)]
    env = clean_environment(**(env or {}))
    done = subprocess.run(command, env=env, capture_output=True, cwd=REPOSITORY, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def report(data, *arguments, expect):
    """The report as JSON; the run must end with this exit code."""
    code, out, err = verify(data, "--json", *arguments)
    assert code == expect, (code, out[-3000:], err)
    return json.loads(out)


def add_header(client, name, value):
    """Every request of this client carries a header."""
    client.meta.events.register("before-sign.s3", lambda request, **_: request.headers.add_header(name, value))
    return client


def multipart(s3, bucket, key, arguments, parts=()):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]
    done = []
    customer = {name: value for name, value in arguments.items() if name.startswith("SSECustomer")}
    for number, data in enumerate(parts, 1):
        answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=data, **customer)
        done.append({"PartNumber": number, "ETag": answer["ETag"]})
    return upload, done


@pytest.fixture(scope="module")
def stored(make_server):
    """A data directory with every method, both ciphers, small, large and in parts; its server is stopped."""
    server = make_server()
    s3, kms = clients.s3(server), clients.kms(server)
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="ledger")
    s3.create_bucket(Bucket="empty")
    sm4 = add_header(clients.s3(server), SM4, "SM4")
    count = 0
    for name in sse.METHOD_NAMES:
        method = sse.method(name, cmk)
        for cipher, client in (("aes", s3), ("sm4", sm4)):
            if cipher == "sm4" and name not in ("kms", "bucket-key", "sse-kms", "sse-kms-bucket-key"):
                continue
            for size in (0, 1000, 300 * KIB):
                s3_write = client if cipher == "sm4" else s3
                s3_write.put_object(Bucket="ledger", Key=f"{name}/{cipher}/{size}", Body=body(size), **method.write)
                count += 1
        upload, done = multipart(s3, "ledger", f"{name}/parts", method.write, (body(5 * MIB), body(100)))
        customer = method.read
        s3.complete_multipart_upload(
            Bucket="ledger", Key=f"{name}/parts", UploadId=upload, MultipartUpload={"Parts": done}, **customer
        )
        count += 1
    s3.put_object(Bucket="ledger", Key=HOSTILE, Body=body(100 * KIB), ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    multipart(s3, "ledger", "unfinished", dict(ServerSideEncryption="AES256"), (body(200 * KIB),))
    disk.settled_blobs(server)
    assert server.stop() == 0
    server.objects_stored = count + 1
    server.cmk = cmk
    yield server


@pytest.fixture
def copy(stored, tmp_path):
    """A copy of the data directory: an auditor's own."""
    target = tmp_path / "copy"
    shutil.copytree(stored.data, target)
    target.chmod(0o700)
    return target


def blob(data):
    """The largest blob file."""
    return max((p for p in (data / "blobs").glob("??/*")), key=lambda p: p.stat().st_size)


def events(data):
    """What runs put on the audit log."""
    command = [binary(), "audit", "export", "--data", data]
    log = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=60)
    return [line for line in log.stdout.splitlines() if "VerifyAtRest" in line]


def log_verifies(data):
    command = [binary(), "audit", "verify", "--data", data]
    return subprocess.run(command, env=clean_environment(), capture_output=True, timeout=60).returncode == 0


def files(data):
    return {p.relative_to(data): p.read_bytes() for p in (data / "blobs").rglob("*") if p.is_file()}


def test_everything_opens_and_nothing_is_changed(stored, copy, tmp_path):
    before = files(copy)
    told = report(copy, "--report", tmp_path / "proof.json", expect=0)
    assert told["verdict"] == "sound" and told["findings"] == [] and told["unverified"] == []
    objects = told["objects"]
    customer = sum(c["objects"] for c in told["classes"] if c["method"] == "sse-c")
    assert objects["objects"] == stored.objects_stored and customer > 0
    assert objects["verified"] == objects["objects"] - customer and objects["structure_only"] == customer
    assert {c["method"] for c in told["classes"]} == {"none", "sse-obs", "sse-kms", "sse-c"}
    assert all(c["cmk"] == stored.cmk and c["cmk_version"] == 1 for c in told["classes"] if c["method"] == "sse-kms")
    assert told["uploads"] == {"count": 1, "parts": 1, "opened": 1} and told["bucket_keys"]["opened"] >= 1
    assert files(copy) == before
    # The run, each CMK's version and the end with the report's digest are on the log, which still verifies.
    written = (tmp_path / "proof.json").read_bytes()
    assert json.loads(written) == told
    told_on_log = events(copy)
    assert len(told_on_log) == 3, told_on_log
    assert hashlib.sha256(written).hexdigest() in told_on_log[-1]
    assert log_verifies(copy)
    assert {p.name for p in tmp_path.glob("proof*")} == {"proof.json", "proof.html"}


def test_a_run_that_comes_to_no_report_is_ended_on_the_log(copy, tmp_path):
    (tmp_path / "proof.json").write_text("of an earlier run")
    code, out, err = verify(copy, "--bucket", "no-such-bucket", "--report", tmp_path / "proof.json")
    assert (code, out) == (1, "") and "no-such-bucket" in err
    begun, ended = events(copy)
    assert '"begin"' in begun and '"no-such-bucket"' in begun
    assert '"end"' in ended and '"not-made"' in ended and "there is no bucket `no-such-bucket`" in ended
    assert log_verifies(copy)
    assert [p.name for p in tmp_path.glob("proof*")] == ["proof.json"]
    assert (tmp_path / "proof.json").read_text() == "of an earlier run"
    report(copy, "--bucket", "empty", expect=0)
    assert len(events(copy)) == 4, "and the log goes on"


def test_a_report_that_cannot_be_written_is_known_before_a_key_is_used(copy, tmp_path):
    (tmp_path / "taken.html").mkdir()
    for path in (tmp_path / "none" / "proof.json", tmp_path / "taken"):
        code, out, err = verify(copy, "--report", path)
        assert (code, out) == (1, "") and str(path.parent) in err, err
    # Inside the data directory, by whatever way.
    (tmp_path / "way").symlink_to(copy)
    assert verify(copy, "--report", tmp_path / "way" / "proof.json")[0] == 2
    assert events(copy) == []
    assert not [p for p in [*tmp_path.glob("*.new"), *copy.glob("*.new"), *copy.glob("proof*")]]


def test_a_server_that_runs_is_left_alone_and_says_what_to_do(make_server):
    server = make_server()
    code, out, err = verify(server.data)
    assert (code, out) == (1, "") and "in use" in err and "stop the server first" in err


def test_structure_needs_no_key(copy):
    (copy / "root.key").unlink()
    code, _, err = verify(copy)
    assert code == 1 and "--structure-only" in err
    log = b"".join(p.read_bytes() for p in sorted((copy / "audit").rglob("*")) if p.is_file())
    told = report(copy, "--structure-only", expect=0)
    assert told["scope"]["keys"] is False and told["objects"]["verified"] == 0 and told["opened"]["segments"] == 0
    assert log == b"".join(p.read_bytes() for p in sorted((copy / "audit").rglob("*")) if p.is_file())


def test_damage_is_found_and_named(copy, tmp_path):
    victim = blob(copy)
    disk.flip(victim, 70_000)
    (copy / "blobs/00").mkdir(exist_ok=True)
    (copy / "blobs/00" / ("0" * 32)).write_bytes(b"nobody's")
    (copy / "notes.txt").write_text("what is this")
    others = [p for p in (copy / "blobs").glob("??/*") if p != victim and p.name != "0" * 32]
    others[0].unlink()
    others[1].write_bytes(others[1].read_bytes()[:-1])
    told = report(copy, "--report", tmp_path / "proof", expect=1)
    kinds = told["findings_by_kind"]
    assert kinds == {"body-damaged": 1, "orphan-file": 1, "foreign-file": 1, "body-missing": 1, "body-length": 1}, kinds
    at = {f["kind"]: f["at"] for f in told["findings"]}
    assert at["body-damaged"].endswith(victim.name) and at["foreign-file"] == "notes.txt"
    assert others[0].name in at["body-missing"] and others[1].name in at["body-length"]
    page = (tmp_path / "proof.html").read_text()
    assert hashlib.sha256((tmp_path / "proof.json").read_bytes()).hexdigest() in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_a_hostile_name_is_shown_and_does_nothing(copy, tmp_path):
    # The record of that object is not known by its file, so all that could be it are damaged.
    for path in (copy / "blobs").glob("??/*"):
        disk.flip(path, 5)
    told = report(copy, "--report", tmp_path / "proof.json", expect=1)
    assert HOSTILE in {f["object"] for f in told["findings"]}
    page = (tmp_path / "proof.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script" not in page


def test_metadata_that_cannot_be_opened_is_a_finding(copy):
    journal = max((copy / "meta/fjall").glob("*.jnl"), key=lambda p: p.stat().st_size)
    disk.flip(journal, 2000)
    told = report(copy, "--structure-only", expect=1)
    assert told["findings_by_kind"] == {"store-damaged": 1} and told["broken_off"]


def test_one_bucket_a_sample_and_a_disabled_key(stored, copy, make_server):
    assert report(copy, "--bucket", "empty", expect=0)["objects"]["objects"] == 0
    code, _, err = verify(copy, "--bucket", "no-such-bucket")
    assert code == 1 and "no-such-bucket" in err
    told = report(copy, "--sample", 5, "--seed", "0f" * 16, expect=0)
    assert told["scope"]["sample"] == {"objects": 5, "seed": "0f" * 16}
    assert told["objects"]["verified"] <= 5 and told["objects"]["structure_only"] >= told["objects"]["objects"] - 5
    again = report(copy, "--sample", 5, "--seed", "0f" * 16, expect=0)
    assert again["opened"] == told["opened"]
    for wrong in (["--sample", "x"], ["--seed", "0f" * 16], ["--sample", "1", "--structure-only"]):
        assert verify(copy, *wrong)[0] == 2
    assert verify(copy, "--report", copy / "inside.json")[0] == 2


def test_what_is_under_a_disabled_key_cannot_be_verified(stored):
    stored.start()
    clients.kms(stored).disable_key(KeyId=stored.cmk)
    assert stored.stop() == 0
    try:
        told = report(stored.data, expect=3)
        assert told["verdict"] == "incomplete" and told["findings"] == []
        assert [u["reason"] for u in told["unverified"]] == ["its CMK is disabled"]
        sealed = sum(c["objects"] for c in told["classes"] if c["method"] == "sse-kms")
        assert told["objects"]["unverified"] == sealed > 0
    finally:
        stored.start()
        clients.kms(stored).enable_key(KeyId=stored.cmk)
        assert stored.stop() == 0


def test_no_key_is_in_a_report(stored, copy, tmp_path):
    report(copy, "--report", tmp_path / "proof.json", expect=0)
    root = bytes.fromhex((copy / "root.key").read_text().strip())
    shown = (tmp_path / "proof.json").read_bytes() + (tmp_path / "proof.html").read_bytes()
    for secret in (root, stored.secret_key.encode()):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in shown
