"""The README's tour, run as it is written there: a real directory tree into an SSE-KMS bucket and back."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import clients, disk
from harness.server import REPOSITORY

README = REPOSITORY / "README.md"
TREE_BYTES_MAX = 96 * 1024 * 1024


def tour_commands():
    """The shell lines of the README's section `Tour`."""
    section = README.read_text().split("\n## Tour\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return "\n".join(blocks)


def real_tree(target: Path) -> Path:
    """A copy of a tree that this machine really has: sources of cargo's registry, or Python's own library."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    candidates = sorted(home.glob("registry/src/*/*")) or [Path(os.__file__).parent]
    total = 0
    for source in candidates:
        if source.name.startswith("aws-lc-sys"):
            continue  # thousands of generated files; the others are tree enough
        size = sum(f.stat().st_size for f in source.rglob("*") if f.is_file())
        if total + size > TREE_BYTES_MAX or len(list(target.glob("**/*"))) > 1500:
            break
        total += size
        shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def same(left: Path, right: Path):
    names = {str(f.relative_to(left)) for f in left.rglob("*") if f.is_file()}
    assert names == {str(f.relative_to(right)) for f in right.rglob("*") if f.is_file()}
    _, different, errors = filecmp.cmpfiles(left, right, names, shallow=False)
    assert (different, errors) == ([], [])
    return names


def test_sync_a_real_tree_into_an_encrypted_bucket_and_back(server, kms, s3, tmp_path):
    tree = real_tree(tmp_path / "tree")
    marker = b"a line that no file of the data directory may hold in the clear"
    (tree / "marker.txt").write_bytes(marker * 3000)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    clients.aws(server, "s3", "mb", "s3://tour-sync")
    rule = (
        '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"%s"},'
        '"BucketKeyEnabled":true}]}' % key
    )
    clients.aws(
        server, "s3api", "put-bucket-encryption", "--bucket", "tour-sync", "--server-side-encryption-configuration", rule
    )
    before = server.kms_requests("GenerateDataKey")
    clients.aws(server, "s3", "sync", "--only-show-errors", tree, "s3://tour-sync/tree")
    clients.aws(server, "s3", "sync", "--only-show-errors", "s3://tour-sync/tree", tmp_path / "back")
    names = same(tree, tmp_path / "back")
    assert len(names) > 100, "the tree is too small to show anything"
    listed = sum(len(p.get("Contents", [])) for p in s3.get_paginator("list_objects_v2").paginate(Bucket="tour-sync"))
    assert listed == len(names)
    head = s3.head_object(Bucket="tour-sync", Key="tree/marker.txt")
    assert head["ServerSideEncryption"] == "aws:kms" and head["SSEKMSKeyId"].endswith(key)
    # One bucket key serves the whole upload unless its life ends meanwhile.
    assert server.kms_requests("GenerateDataKey") - before <= 4
    assert disk.files_holding(server.data, marker) == []
    again = clients.aws(server, "s3", "sync", tree, "s3://tour-sync/tree")
    assert again.stdout == "", "a second sync has nothing to do"
    clients.aws(server, "s3", "rb", "--force", "s3://tour-sync")


@pytest.mark.skipif(shutil.which("bash") is None, reason="the tour is a shell session")
def test_the_tour_of_the_readme_works_as_written(server, tmp_path):
    commands = tour_commands()
    assert "aws s3 sync" in commands
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copytree(REPOSITORY / "docs", tree / "docs")
    env = clients.aws_environment(server)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    env["TREE"] = str(tree)
    env["STRONGROOM_CONTROL"] = server.control(True)
    env["STRONGROOM_CA"] = str(server.ca)
    env["STRONGROOM_ACCESS_KEY"], env["STRONGROOM_SECRET_KEY"] = server.access_key, server.secret_key
    from harness.server import binary

    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "strongroom").symlink_to(binary())
    env["PATH"] = f"{tools}:{env['PATH']}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"{commands}\n--- {done.stdout}\n--- {done.stderr}"
    same(tree, tmp_path / "back")


def test_what_the_server_prints_can_be_pasted(make_server, tmp_path):
    """The three lines that the server prints work in a shell as they stand."""
    server = make_server(root_credentials=None)
    assert server.secret_key, "the first start shows the generated secret"
    lines = server.stdout.split("Paste next")[1].splitlines()[1:]
    lines = [line.strip() for line in lines if line.strip()]
    assert len(lines) == 3, lines
    (tmp_path / "FILE").write_text("hello")
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = "\n".join(lines)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"{script}\n--- {done.stdout}\n--- {done.stderr}"
    s3 = clients.s3(server)
    names = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    (stored,) = s3.list_objects_v2(Bucket=names[0])["Contents"]
    assert s3.head_object(Bucket=names[0], Key=stored["Key"])["ServerSideEncryption"] == "aws:kms"
