"""Backups of the key store: taken, looked at, tried and restored with the command line."""

import json
import subprocess

import pytest

from harness import clients, disk, identities
from harness.identities import allow
from harness.server import REPOSITORY, binary, clean_environment

PASSPHRASE = "a passphrase for backups"


@pytest.fixture(scope="module")
def passphrase(tmp_path_factory):
    path = tmp_path_factory.mktemp("passphrase") / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return path


def kms(*arguments, server=None, credentials=None, check=True):
    env = clean_environment()
    if server:
        env["STRONGROOM_ACCESS_KEY"], env["STRONGROOM_SECRET_KEY"] = credentials or (server.access_key, server.secret_key)
        arguments = (*arguments, "--control", server.control(True), "--ca", server.ca)
    command = [binary(), "kms", *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, cwd=REPOSITORY, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def refused(*arguments, saying, **options):
    done = kms(*arguments, check=False, **options)
    assert done.returncode == 1 and saying in done.stderr and done.stdout == "", done
    return done


@pytest.fixture(scope="module")
def old(make_server):
    server = make_server("--root-passphrase-memory-mib", "8")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sealed(old):
    """A ciphertext under a CMK with an alias, of a user of the old server; and the user's credentials."""
    user = identities.make_user(old, "keeper", [allow("kms:*")])
    client = clients.kms(old)
    key = client.create_key(Description="a description to look for")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/kept", TargetKeyId=key)
    return client.encrypt(KeyId=key, Plaintext=b"plain")["CiphertextBlob"], user[:2]


@pytest.fixture(scope="module")
def backup(old, sealed, passphrase, tmp_path_factory):
    out = tmp_path_factory.mktemp("backup") / "keys.backup"
    said = kms("backup", "--out", out, "--passphrase-file", passphrase, server=old).stdout
    assert "sealed under the passphrase" in said
    assert out.stat().st_mode & 0o777 == 0o600
    return out


def test_an_empty_node_decrypts_what_the_old_one_encrypted(make_server, old, sealed, backup, passphrase):
    new = make_server(start=False, root_credentials=None)
    said = kms("restore", backup, "--into", new.data, "--passphrase-file", passphrase).stdout
    assert "root.key" in said
    new.access_key, new.secret_key = old.access_key, old.secret_key
    new.start()
    try:
        assert clients.kms(new).decrypt(CiphertextBlob=sealed[0])["Plaintext"] == b"plain"
        assert "alias/kept" in [alias["AliasName"] for alias in clients.kms(new).list_aliases()["Aliases"]]
        new.access_key, new.secret_key = sealed[1]
        assert clients.kms(new).decrypt(CiphertextBlob=sealed[0])["Plaintext"] == b"plain", "users come along"
        new.access_key, new.secret_key = old.access_key, old.secret_key
        assert clients.s3(new).list_buckets()["Buckets"] == [], "and nothing else"
    finally:
        new.stop()


def test_a_restore_may_keep_the_root_key_under_the_passphrase(make_server, old, sealed, backup, passphrase):
    arguments = ("--root-key-source", "passphrase", "--root-passphrase-file", str(passphrase))
    new = make_server(*arguments, start=False, root_credentials=(old.access_key, old.secret_key))
    kms("restore", backup, "--into", new.data, "--passphrase-file", passphrase, "--root-key-source", "passphrase")
    assert (new.data / "root.sealed").exists() and not (new.data / "root.key").exists()
    new.start()
    try:
        assert clients.kms(new).decrypt(CiphertextBlob=sealed[0])["Plaintext"] == b"plain"
    finally:
        new.stop()


def test_a_lost_root_key_comes_back_beside_the_data(make_server, passphrase, tmp_path):
    server = make_server("--root-passphrase-memory-mib", "8")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"a body", ServerSideEncryption="aws:kms")
    out = tmp_path / "keys.backup"
    kms("backup", "--out", out, "--passphrase-file", passphrase, server=server)
    restore = ("restore", out, "--into", server.data, "--passphrase-file", passphrase)
    refused(*restore, "--root-key-only", saying="in use by another server")
    server.stop()
    refused(*restore, saying="is not empty")
    refused(*restore, "--root-key-only", saying="exists")
    (server.data / "root.key").unlink()
    kms(*restore, "--root-key-only")
    server.start()
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"a body"


def test_inspect_and_verify_need_no_server(backup, passphrase):
    told = json.loads(kms("backup", "inspect", backup, "--passphrase-file", passphrase, "--json").stdout)
    assert told["region"] == "local-1" and told["rows"]["cmks"] >= 1 and "opened" not in told
    told = json.loads(kms("backup", "verify", backup, "--passphrase-file", passphrase, "--json").stdout)
    assert told["opened"]["keys"] >= 3 and told["opened"]["accounts"] == 1 and told["opened"]["cmks"] >= 1
    assert "every key opens" in kms("backup", "verify", backup, "--passphrase-file", passphrase).stdout


def test_a_stopped_server_is_backed_up_from_its_directory(make_server, passphrase, tmp_path):
    server = make_server("--root-passphrase-memory-mib", "8")
    key = clients.kms(server).create_key()["KeyMetadata"]["KeyId"]
    take = ("backup", "--out", tmp_path / "b", "--passphrase-file", passphrase, "--data", server.data)
    refused(*take, saying="in use by another server")
    server.stop()
    kms(*take)
    assert "every key opens" in kms("backup", "verify", tmp_path / "b", "--passphrase-file", passphrase).stdout
    refused(*take, saying="exists")
    server.start()
    assert clients.kms(server).describe_key(KeyId=key)["KeyMetadata"]["Enabled"]


def test_damage_truncation_and_another_passphrase_are_refused(backup, passphrase, tmp_path):
    good, bad, wrong = backup.read_bytes(), tmp_path / "bad", tmp_path / "wrong"
    wrong.write_text("another passphrase")
    wrong.chmod(0o600)
    into = tmp_path / "into"
    refused("restore", backup, "--into", into, "--passphrase-file", wrong, saying="wrong, or the backup is damaged")
    for at in (8, 60, 100, 170, 200, len(good) - 1):
        bad.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        refused("restore", bad, "--into", into, "--passphrase-file", passphrase, saying="backup")
    for end in (0, 7, 180, 181, len(good) // 2, len(good) - 1):
        bad.write_bytes(good[:end])
        refused("backup", "verify", bad, "--passphrase-file", passphrase, saying="backup")
    assert not into.exists(), "nothing was written"


def test_nothing_is_in_clear_in_a_backup(old, backup):
    root = (old.data / "root.key").read_text().strip()
    needles = [bytes.fromhex(root), root.encode(), old.secret_key.encode(), b"a description to look for", b"alias/kept", b"keeper"]
    assert disk.files_holding(backup.parent, *needles) == []


def test_only_the_operators_account_takes_one(old, passphrase, tmp_path):
    low = identities.make_user(old, "low", [allow("s3:*"), allow("kms:*")])
    other = identities.make_account(old, "other")
    for who in (low[:2], (other.access_key, other.secret_key)):
        take = ("backup", "--out", tmp_path / "b", "--passphrase-file", passphrase)
        refused(*take, server=old, credentials=who, saying="AccessDenied")
    assert not (tmp_path / "b").exists()
