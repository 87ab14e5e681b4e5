"""`strongroom audit …`, as a person types it: on files alone."""

import csv
import io
import json
import re
import subprocess
import time

import pytest

from harness import clients, disk, identities, keys
from harness.server import binary, clean_environment


VERBS = ("verify", "head", "tail", "search", "export")


def audit(server, *arguments, check=True, data=None):
    command = [binary(), "audit", *map(str, arguments), "--data", data or server.data]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def used(make_server):
    """A server that has something to tell."""
    server = make_server()
    kms = clients.kms(server)
    server.cmk = kms.create_key()["KeyMetadata"]["KeyId"]
    server.request_id = kms.encrypt(KeyId=server.cmk, Plaintext=b"x")["ResponseMetadata"]["RequestId"]
    nobody = keys.client(server, identities.make_user(server, "alice"))
    keys.refused(nobody.encrypt, "AccessDeniedException", KeyId=server.cmk, Plaintext=b"x")
    yield server
    server.stop()


@pytest.mark.parametrize("verb", VERBS)
def test_help_teaches_with_an_example(verb):
    text = subprocess.run([binary(), "audit", verb, "--help"], capture_output=True, text=True, check=True).stdout
    assert f"strongroom audit {verb}" in text.split("Example")[1]
    assert "--json" in text or "--format" in text


def test_there_is_no_verb_without_a_row_here():
    text = subprocess.run([binary(), "audit", "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  ([a-z-]+)  ", text.split("Commands:")[1], re.MULTILINE)
    assert set(listed) - {"help"} == set(VERBS)


def found(server, *filters):
    return [json.loads(line) for line in audit(server, "search", "--json", *filters).stdout.splitlines()]


def test_search_by_each_filter(used):
    assert {e["key"]["arn"].split("/")[-1] for e in found(used, "--key", used.cmk)} == {used.cmk}
    assert len(found(used, "--key", used.cmk)) >= 3
    assert {e["operation"] for e in found(used, "--operation", "encryptdata")} == {"Encrypt"}
    denied = found(used, "--outcome", "denied")
    assert denied and {e["outcome"] for e in denied} == {"denied"}
    assert found(used, "--principal", "user/alice") == found(used, "--principal", "alice", "--outcome", "denied")
    assert [e["operation"] for e in found(used, "--request-id", used.request_id)] == ["Encrypt"]
    assert found(used, "--to", "2020-01-01") == [] and found(used, "--from", "1h")
    assert found(used, "--key", "no-such-key") == []
    shown = audit(used, "search", "--principal", "user/alice").stdout
    assert re.search(r"denied\s+Encrypt\s+via kms\s+by arn:\S+user/alice", shown), shown
    wrong = audit(used, "search", "--from", "yesterday", check=False)
    assert wrong.returncode == 2 and "24h" in wrong.stderr


def test_export(used):
    rows = list(csv.DictReader(io.StringIO(audit(used, "export", "--format", "csv", "--key", used.cmk).stdout)))
    events = found(used, "--key", used.cmk)
    assert [row["seq"] for row in rows] == [str(event["seq"]) for event in events]
    assert rows[0]["operation"] == events[0]["operation"] and rows[0]["arn"] == events[0]["who"]["arn"]
    written = b"".join(path.read_bytes() for path in sorted((used.data / "audit").glob("*.log")))
    assert audit(used, "export").stdout.encode() in written + b"\n", "the log's own bytes"


def test_tail_shows_the_last_lines_and_follows(used):
    assert len(audit(used, "tail", "-n", "3").stdout.splitlines()) == 3
    command = [binary(), "audit", "tail", "-n", "0", "-f", "--json", "--data", used.data]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        kms, deadline = clients.kms(used), time.monotonic() + 60
        # Until it has begun to follow it shows nothing of what is done.
        import select

        while not select.select([process.stdout], [], [], 0.2)[0]:
            kms.describe_key(KeyId=used.cmk)
            assert time.monotonic() < deadline
        assert json.loads(process.stdout.readline())["operation"] == "DescribeKey"
    finally:
        process.kill()
        process.wait()


def test_a_reader_that_went_away_is_no_failure(used):
    shell = f"'{binary()}' audit export --data '{used.data}' | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)
    assert done.stderr == "" and json.loads(done.stdout)["seq"] == 1


def test_verify_names_the_first_bad_line(used, tmp_path):
    import shutil

    copied = tmp_path / "data"
    shutil.copytree(used.data / "audit", copied / "audit")
    segment = copied / "audit/00000001.log"
    second = len(segment.read_bytes().splitlines(keepends=True)[0])
    disk.flip(segment, second + 200)
    done = audit(used, "verify", "--json", data=copied, check=False)
    report = json.loads(done.stdout)
    assert done.returncode == 1 and not report["sound"]
    assert [(f["kind"], f["file"], f["line"], f["seq"]) for f in report["findings"]] == [("changed", "00000001.log", 2, 2)]
    text = audit(used, "verify", data=copied, check=False)
    assert "NOT SOUND" in text.stdout and "changed: 00000001.log:2" in text.stdout
    disk.flip(segment, second + 200)
    audit(used, "verify", data=copied)
    (copied / "audit/00000001.log").unlink()
    assert audit(used, "verify", data=copied, check=False).returncode == 1


def test_verify_with_what_was_kept_elsewhere(used, make_server, tmp_path):
    head = audit(used, "head").stdout.strip()
    key = tmp_path / "key.pem"
    key.write_bytes((used.data / "audit/public-key").read_bytes())
    audit(used, "verify", "--public-key", key, "--expect-head", head)
    other = make_server()
    assert audit(other, "verify").returncode == 0, "sound by its own key"
    assert audit(other, "verify", "--public-key", key, check=False).returncode == 1
    forged = head[:-1] + ("0" if head[-1] != "0" else "1")
    done = audit(used, "verify", "--expect-head", forged, check=False)
    assert done.returncode == 1 and "unexpected-head" in done.stdout
    assert audit(used, "verify", "--expect-head", "nonsense", check=False).returncode == 2
    key.write_text("not a key")
    assert audit(used, "verify", "--public-key", key, check=False).returncode == 2


def test_where_there_is_no_log_that_is_said(used, tmp_path):
    for subcommand in ("verify", "head", "tail", "search", "export"):
        done = audit(used, subcommand, data=tmp_path, check=False)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
