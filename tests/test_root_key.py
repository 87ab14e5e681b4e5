"""The root key: its sources, its change under way, a start without it, and where it is to be found: in memory alone."""

import base64
import re
import subprocess
import threading

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, disk, identities
from harness.identities import allow
from harness.server import REPOSITORY, StartFailed, binary, clean_environment

PASSPHRASE = "correct horse battery staple"
SEALED = ("--root-key-source", "passphrase", "--root-passphrase-memory-mib", "8")


def root(server, *arguments, check=True, credentials=None, stdin=None, env=None):
    access_key, secret_key = credentials or (server.access_key, server.secret_key)
    env = clean_environment(STRONGROOM_ACCESS_KEY=access_key, STRONGROOM_SECRET_KEY=secret_key, **(env or {}))
    command = [binary(), "kms", "root", *arguments, "--control", server.control(True), "--ca", server.ca]
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, cwd=REPOSITORY, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


class Filled:
    """A CMK with something under it, and an object of each SSE method that needs the root key."""

    def __init__(self, server):
        self.kms, s3 = clients.kms(server), clients.s3(server)
        self.key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.sealed = self.kms.encrypt(KeyId=self.key, Plaintext=b"plain")["CiphertextBlob"]
        s3.create_bucket(Bucket="filled")
        s3.put_object(Bucket="filled", Key="kms", Body=b"a body", ServerSideEncryption="aws:kms", SSEKMSKeyId=self.key)
        s3.put_object(Bucket="filled", Key="obs", Body=b"a body", ServerSideEncryption="AES256")

    def opens(self, server):
        assert clients.kms(server).decrypt(CiphertextBlob=self.sealed)["Plaintext"] == b"plain"
        for name in ("kms", "obs"):
            assert clients.s3(server).get_object(Bucket="filled", Key=name)["Body"].read() == b"a body"


# ---- change ---------------------------------------------------------------------------------------------------------


def test_a_changed_root_key_opens_everything_and_the_old_one_nothing(make_server):
    server = make_server()
    filled, old = Filled(server), (server.data / "root.key").read_text()
    said = root(server, "rewrap").stdout
    assert re.match(r"the root key was changed; \d+ keys are under the new one\n", said)
    new = (server.data / "root.key").read_text()
    assert new != old and re.fullmatch(r"[0-9a-f]{64}\n", new)
    assert not (server.data / "root.key.next").exists()
    filled.opens(server)
    server.restart()
    filled.opens(server)
    server.stop()
    private(server.data / "root.key", old)
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert "does not match this data directory" in failed.value.stderr
    private(server.data / "root.key", new)
    server.start()
    filled.opens(server)


def test_requests_go_on_while_the_root_key_changes(make_server):
    server = make_server()
    filled = Filled(server)
    s3, failures, names = clients.s3(server), [], []
    stop = threading.Event()

    def put(worker):
        n = 0
        while not stop.is_set():
            name = f"{worker}/{n}"
            try:
                method = ("aws:kms", "AES256")[n % 2]
                s3.put_object(Bucket="filled", Key=name, Body=name.encode(), ServerSideEncryption=method)
                names.append(name)
            except ClientError as error:
                failures.append(error)
            n += 1

    workers = [threading.Thread(target=put, args=(worker,)) for worker in range(3)]
    [worker.start() for worker in workers]
    for _ in range(5):
        root(server, "rewrap")
    stop.set()
    [worker.join() for worker in workers]
    assert failures == [] and names
    server.restart()
    filled.opens(server)
    for name in names:
        assert s3.get_object(Bucket="filled", Key=name)["Body"].read() == name.encode()


def test_what_a_crash_leaves_is_finished_or_dropped_at_the_next_start(make_server):
    server = make_server()
    filled, old = Filled(server), (server.data / "root.key").read_text()
    key, staged = server.data / "root.key", server.data / "root.key.next"
    root(server, "rewrap")
    server.kill()
    # After the commit, before the new key took the old one's place.
    new = key.read_text()
    private(staged, new)
    private(key, old)
    server.start()
    assert key.read_text() == new and not staged.exists()
    filled.opens(server)
    server.kill()
    # Before the commit: the staged key never came into use.
    private(staged, "5a" * 32 + "\n")
    server.start()
    assert key.read_text() == new and not staged.exists()
    filled.opens(server)


def test_only_the_operators_account_changes_it(make_server):
    server = make_server()
    low = identities.make_user(server, "low", [allow("s3:*"), allow("kms:*")])
    changer = identities.make_user(server, "changer", [allow("strongroom:ChangeRootKey")])
    other = identities.make_account(server, "other")
    before = (server.data / "root.key").read_text()
    for who in (low, (other.access_key, other.secret_key)):
        refused = root(server, "rewrap", check=False, credentials=who[:2])
        assert refused.returncode == 1 and "AccessDenied" in refused.stderr
    assert (server.data / "root.key").read_text() == before
    root(server, "rewrap", credentials=changer[:2])
    assert (server.data / "root.key").read_text() != before


# ---- passphrase -----------------------------------------------------------------------------------------------------


def test_a_root_key_under_a_passphrase(make_server, tmp_path):
    server = make_server(*SEALED, env={"STRONGROOM_ROOT_PASSPHRASE": PASSPHRASE})
    filled = Filled(server)
    sealed = (server.data / "root.sealed").read_bytes()
    assert len(sealed) == 170 and sealed[:8] == b"SRROOTK\0" and not (server.data / "root.key").exists()
    environment = open(f"/proc/{server.process.pid}/environ", "rb").read()
    assert PASSPHRASE.encode() not in environment, "wiped from the environment"
    server.restart()
    filled.opens(server)
    server.stop()
    for env in ({}, {"STRONGROOM_ROOT_PASSPHRASE": "another passphrase"}):
        server.env = env
        with pytest.raises(StartFailed) as failed:
            server.start()
        assert "passphrase" in failed.value.stderr and "allow_locked" in failed.value.stderr
    server.env = {}
    server.arguments += ["--root-passphrase-file", str(private(tmp_path / "passphrase", PASSPHRASE + "\n"))]
    server.start()
    filled.opens(server)
    # The passphrase is changed with the key.
    missing = root(server, "rewrap", check=False)
    assert missing.returncode == 1 and "passphrase" in missing.stderr
    root(server, "rewrap", "--passphrase-file", "-", stdin="the next passphrase\n")
    assert (server.data / "root.sealed").read_bytes() != sealed
    server.stop()
    with pytest.raises(StartFailed):
        server.start()
    private(tmp_path / "passphrase", "the next passphrase")
    server.start()
    filled.opens(server)


def test_a_root_key_moves_from_the_file_to_a_passphrase_and_back(make_server):
    server = make_server("--root-passphrase-memory-mib", "8")
    filled = Filled(server)
    root(server, "rewrap", "--to", "passphrase", "--passphrase-file", "-", stdin=PASSPHRASE)
    assert (server.data / "root.sealed").exists() and not (server.data / "root.key").exists()
    filled.opens(server)
    server.stop()
    server.arguments += ["--root-key-source", "passphrase"]
    server.env = {"STRONGROOM_ROOT_PASSPHRASE": PASSPHRASE}
    server.start()
    filled.opens(server)
    root(server, "rewrap", "--to", "file")
    assert (server.data / "root.key").exists() and not (server.data / "root.sealed").exists()
    server.stop()
    server.arguments[-1], server.env = "file", {}
    server.start()
    filled.opens(server)


def test_a_passphrase_that_would_seal_nothing_is_refused(make_server):
    server = make_server(start=False, env={"STRONGROOM_ROOT_PASSPHRASE": PASSPHRASE})
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 2 and "root_key_source" in failed.value.stderr


# ---- locked ---------------------------------------------------------------------------------------------------------


class Opening:
    """A start under way: it ends when the server is open."""

    def __init__(self, server):
        # The process of before has ended; the thread sets the next one.
        server.process = None
        self.server, self.thread = server, threading.Thread(target=server.start)
        self.thread.start()
        while True:
            try:
                self.ask("/health/live")
                return
            except requests.ConnectionError:
                assert server.process is None or server.process.poll() is None, server.log()

    def ask(self, path, method="GET", data_plane=False, tls=False, **more):
        base = self.server.objects(tls) if data_plane else self.server.control(tls)
        return requests.request(method, base + path, timeout=30, verify=str(self.server.ca), **more)

    def is_locked(self):
        assert self.ask("/health/live").status_code == 200
        ready = self.ask("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "locked"})
        for tls in (False, True):
            data = self.ask("/bucket/object", data_plane=True, tls=tls)
            assert data.status_code == 503 and "<Code>ServiceUnavailable</Code>" in data.text
        for path in ("/metrics", "/admin/v1/accounts", "/v3/users", "/"):
            assert self.ask(path).status_code == 503
        return True


def test_a_locked_server_lives_refuses_everything_and_opens(make_server):
    server = make_server(*SEALED, "--allow-locked", "on", env={"STRONGROOM_ROOT_PASSPHRASE": PASSPHRASE})
    filled = Filled(server)
    server.stop()
    server.env = {}
    opening = Opening(server)
    assert opening.is_locked()
    wrong = root(server, "unlock", "--passphrase-file", "-", stdin="another passphrase", check=False)
    assert wrong.returncode == 1 and "NotUnlocked" in wrong.stderr
    for body in (b"", b"[]", b"{}", b'{"passphrase": 1}', b'{"passphrase": "x", "more": 1}', b"x" * 20_000):
        assert opening.ask("/admin/v1/kms/root/unlock", "POST", data=body).status_code == 400
    assert opening.is_locked()
    assert root(server, "unlock", "--passphrase-file", "-", stdin=PASSPHRASE).stdout == "unlocked\n"
    opening.thread.join(60)
    filled.opens(server)
    assert "not locked" in root(server, "unlock", "--passphrase-file", "-", stdin=PASSPHRASE, check=False).stderr
    assert PASSPHRASE not in server.log() and "another passphrase" not in server.log()


def test_a_locked_server_opens_when_its_source_is_back(make_server, tmp_path):
    server = make_server("--allow-locked", "on", "--root-key-file", str(tmp_path / "medium.key"))
    filled = Filled(server)
    server.stop()
    (tmp_path / "medium.key").rename(tmp_path / "away")
    opening = Opening(server)
    assert opening.is_locked()
    (tmp_path / "away").rename(tmp_path / "medium.key")
    opening.thread.join(60)
    filled.opens(server)


def test_without_allow_locked_a_server_without_its_key_does_not_start(make_server, tmp_path):
    server = make_server("--root-key-file", str(tmp_path / "medium.key"))
    server.stop()
    (tmp_path / "medium.key").unlink()
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 1 and "is missing" in failed.value.stderr
    assert not (tmp_path / "medium.key").exists(), "no fresh key is made where there is data"


# ---- where it is ----------------------------------------------------------------------------------------------------


def test_keys_are_in_locked_memory_and_the_process_is_not_dumped(server):
    Filled(server)
    status = open(f"/proc/{server.process.pid}/status").read()
    assert int(re.search(r"VmLck:\s+(\d+) kB", status)[1]) >= 64
    core = re.search(r"Max core file size\s+(\d+)", open(f"/proc/{server.process.pid}/limits").read())
    assert core[1] == "0"
    memory = {kind: server.counted("strongroom_key_memory_bytes", kind=kind) for kind in ("total", "locked", "undumpable")}
    assert memory["total"] > 0 and len(set(memory.values())) == 1, memory


def test_the_root_key_is_nowhere_but_in_its_file(make_server):
    server = make_server()
    Filled(server)
    root(server, "rewrap")
    server.stop()
    text = (server.data / "root.key").read_text().strip()
    raw = bytes.fromhex(text)
    needles = [raw, text.encode(), text.upper().encode(), base64.b64encode(raw), raw[::-1]]
    assert {name for name, _ in disk.files_holding(server.data, *needles)} == {"root.key"}
    assert text not in server.log()
