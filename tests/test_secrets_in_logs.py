"""The whole suite runs at trace level and searches every server's log for the secrets it has seen (harness/secrets.py).
Here: that the search would find one, and that the log it searches does tell of every request."""

import base64
import os

import pytest

from harness import clients, secrets


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


def test_the_suite_runs_at_trace_level(server, s3):
    s3.list_buckets()
    cmk = clients.kms(server).create_key()["KeyMetadata"]["KeyId"]
    clients.kms(server).generate_data_key(KeyId=cmk, KeySpec="AES_256")
    log = server.log()
    assert "ListBuckets" in log and "TrentService.GenerateDataKey" in log, "the search would prove little on a quiet log"
