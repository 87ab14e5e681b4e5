"""The whole suite runs at trace level and searches every server's log for the secrets it has seen (harness/secrets.py).
Here: that the search would find one, and that the log it searches does tell of every request."""

import base64
import json
import os
import subprocess

import pytest

from harness import cli, clients, keys, secrets


@pytest.mark.parametrize("form", ["base64", "hex", "HEX", "list", "text"])
def test_a_secret_in_a_log_is_found(tmp_path, form):
    secret = os.urandom(24)
    if form == "text":
        secret = secret.hex().encode()
    secrets.note_in({"Deep": [{"SecretAccessKey": secret}]})
    shown = {
        "base64": base64.b64encode(secret).decode(),
        "hex": secret.hex(),
        "HEX": secret.hex().upper(),
        "list": str(list(secret)),
        "text": secret.decode("latin-1"),
    }[form]
    log = tmp_path / "stderr.log"
    log.write_text("INFO all is well\n")
    assert secrets.found_in(log) == []
    log.write_text(f"INFO all is well\nTRACE a request key={shown} and more\n")
    assert len(secrets.found_in(log)) == 1


def test_a_signature_in_a_log_is_found(tmp_path):
    log = tmp_path / "stderr.log"
    log.write_text(f"DEBUG Credential=AK/20260101, Signature={'0123456789abcdef' * 4}\n")
    assert len(secrets.found_in(log)) == 1


def leaks(tmp_path, secret):
    """Whether the search finds a secret in a log that holds it."""
    log = tmp_path / "leaking.log"
    log.write_text(f"TRACE {secret}\n")
    return bool(secrets.found_in(log))


def fresh():
    return os.urandom(24).hex()


@pytest.mark.parametrize("variable", ["STRONGROOM_SECRET_KEY", "STRONGROOM_ROOT_PASSPHRASE", "AWS_SESSION_TOKEN"])
def test_what_a_command_is_given_by_its_environment_is_noted(tmp_path, variable):
    secret, other = fresh(), fresh()
    subprocess.run(["true"], env={"PATH": os.environ["PATH"], variable: secret, "STRONGROOM_REGION": other}, check=True)
    assert leaks(tmp_path, secret) and not leaks(tmp_path, other)


@pytest.mark.parametrize("option", ["--passphrase-file", "--root-passphrase-file", "--material-file"])
def test_what_a_command_reads_from_a_file_is_noted(tmp_path, option):
    secret, file = fresh(), tmp_path / "secret"
    file.write_text(secret + "\n")
    subprocess.run(["true", option, file], check=True)
    assert leaks(tmp_path, secret)


def test_what_a_command_is_told_and_what_it_prints_is_noted(tmp_path):
    told, printed, shown, encoded = fresh(), fresh(), fresh(), os.urandom(32)
    subprocess.run(["cat", "-", "--passphrase-file", "-"], input=told, text=True, capture_output=True, check=False)
    text = json.dumps({"Plaintext": base64.b64encode(encoded).decode(), "Name": "nothing of that sort"})
    for said in (f"access key   AKIA\nsecret key   {shown}   (shown this once: keep it)\n", text):
        subprocess.run(["echo", said], text=True, capture_output=True, check=True)
    subprocess.run(["echo", json.dumps({"secret_key": printed})], capture_output=True, check=True)
    assert leaks(tmp_path, told) and leaks(tmp_path, shown) and leaks(tmp_path, printed)
    assert leaks(tmp_path, encoded.hex()) and not leaks(tmp_path, "nothing of that sort")


def test_what_the_command_line_unwraps_is_noted(server, tmp_path):
    key = cli.run(server, "kms", "key", "create").stdout.strip()
    made = cli.parsed(server, "kms", "data-key", key)
    wrapped = tmp_path / "wrapped.b64"
    wrapped.write_text(made["CiphertextBlob"])
    clear = cli.run(server, "kms", "decrypt", wrapped).stdout.strip()
    secrets._seen.clear()
    assert not leaks(tmp_path, base64.b64decode(clear).hex())
    cli.run(server, "kms", "decrypt", wrapped)
    assert leaks(tmp_path, base64.b64decode(clear).hex())
    secrets._seen.clear()
    cli.run(server, "kms", "data-key", key, "--json")
    assert any(len(seen) == 32 for seen in secrets._seen), "the key in clear, as bytes"


def test_imported_material_is_noted_by_who_wraps_it(kms, tmp_path):
    clear = os.urandom(32)
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    keys.material(kms, key, clear)
    assert leaks(tmp_path, clear.hex())


def test_the_suite_runs_at_trace_level(server, s3):
    s3.list_buckets()
    cmk = clients.kms(server).create_key()["KeyMetadata"]["KeyId"]
    clients.kms(server).generate_data_key(KeyId=cmk, KeySpec="AES_256")
    log = server.log()
    assert "ListBuckets" in log and "TrentService.GenerateDataKey" in log, "the search would prove little on a quiet log"
