"""`strongroom kms key ...` and the other subcommands, as a person types them."""

import json
import re
import subprocess

import pytest

from harness import clients
from harness.server import REPOSITORY, binary, clean_environment


def run(server, *arguments, check=True, env=None):
    options = ["--control", server.control(True), "--ca", server.ca]
    return clients.strongroom(server, *arguments, *options, check=check, env=env)


def test_key_life(server, s3, bucket):
    made = json.loads(run(server, "kms", "key", "create", "--description", "by hand", "--json").stdout)
    key = made["KeyId"]
    shown = run(server, "kms", "key", "show", key).stdout
    assert key in shown and "by hand" in shown and "Enabled" in shown
    assert key in run(server, "kms", "key", "list").stdout
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **write)
    run(server, "kms", "key", "disable", key)
    assert "Disabled" in run(server, "kms", "key", "show", key).stdout
    with pytest.raises(Exception, match="KMS.DisabledException"):
        s3.get_object(Bucket=bucket, Key="k")
    run(server, "kms", "key", "enable", key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_create_prints_the_id_alone_and_can_name_an_alias(server):
    printed = run(server, "kms", "key", "create", "--alias", "alias/from-the-cli").stdout
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n", printed), "ready for KEY=$(...)"
    assert printed.strip() in run(server, "kms", "key", "show", "alias/from-the-cli").stdout


def test_list_shows_every_key_beyond_one_page(server, kms):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(110)}
    listed = json.loads(run(server, "kms", "key", "list", "--json").stdout)
    assert made <= {key["KeyId"] for key in listed}


def test_errors_are_one_line_and_exit_1(server):
    absent = "00000000-0000-0000-0000-000000000000"
    done = run(server, "kms", "key", "show", absent, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "NotFoundException" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_the_certificate_is_verified(server, tmp_path):
    """Without the CA the client refuses to speak; it never falls back to trusting whoever answers."""
    done = clients.strongroom(server, "kms", "key", "list", "--control", server.control(True), check=False)
    assert done.returncode == 1 and "certificate" in done.stderr.lower()


def test_plain_http_is_for_loopback_only(server):
    done = clients.strongroom(server, "kms", "key", "list", "--control", server.control(False))
    assert done.returncode == 0
    done = clients.strongroom(server, "kms", "key", "list", "--control", "http://192.0.2.1:9001", check=False)
    assert done.returncode == 2 and "https" in done.stderr


def test_credentials_fall_back_to_the_root_pair(server):
    env = clean_environment(STRONGROOM_ROOT_ACCESS_KEY=server.access_key, STRONGROOM_ROOT_SECRET_KEY=server.secret_key)
    command = [binary(), "kms", "key", "list", "--control", server.control(True), "--ca", server.ca]
    assert subprocess.run(command, env=env, capture_output=True).returncode == 0
    none = subprocess.run(command, env=clean_environment(), capture_output=True, text=True)
    assert none.returncode == 2 and "STRONGROOM_ACCESS_KEY" in none.stderr
    wrong = clean_environment(STRONGROOM_ACCESS_KEY=server.access_key, STRONGROOM_SECRET_KEY="wrong")
    refused = subprocess.run(command, env=wrong, capture_output=True, text=True)
    assert refused.returncode == 1 and "Signature" in refused.stderr


def test_configuration_is_explained(tmp_path):
    (tmp_path / "strongroom.toml").write_text('region = "from-file"\ncompat = "ceph"\n')
    command = [binary(), "config", "--data", tmp_path, "--compat", "aws"]
    env = clean_environment(STRONGROOM_SSE_REQUIRE_HTTPS="ssec")
    text = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert 'region = "from-file"' in text and 'compat = "aws"' in text and 'require_https = "ssec"' in text
    (tmp_path / "strongroom.toml").write_text('regoin = "typo"\n')
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "`regoin`" in done.stderr


def test_help_tells_every_setting_once():
    text = subprocess.run([binary(), "server", "--help"], capture_output=True, text=True, check=True).stdout
    for variable in re.findall(r'"(STRONGROOM_[A-Z_]+)"', (REPOSITORY / "crates/server/src/config/table.rs").read_text()):
        assert text.count(f"[env: {variable}]") == 1, variable


@pytest.mark.timeout(600)
def test_bench_reports_every_size_and_method(tmp_path):
    command = [binary(), "bench", "--quick", "--json", "--audit-sync", "both"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=540, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {(row["operation"], row["size_bytes"], row["method"], row["audit_sync"]) for row in report["rows"]}
    methods = [("plain", "each"), ("sse-kms", "each"), ("sse-kms-no-bucket-key", "each"), ("sse-kms-no-bucket-key", "written")]
    assert rows == {
        (op, size, *how) for op in ("PUT", "GET") for size in (4096, 1 << 20, 64 << 20) for how in methods
    }
    for row in report["rows"]:
        assert row["bytes"] == row["requests"] * row["size_bytes"] and row["cpu_seconds_per_gib"] >= 0
    assert report["peak_rss_bytes"] > 0
    assert list(tmp_path.iterdir()) == [], "the bench leaves nothing behind"
