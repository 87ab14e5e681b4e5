"""`strongroom kms …`, as a person types it, over TLS."""

import base64
import json
import os
import re
import subprocess
import uuid

import pytest

from harness import cli, clients, identities, secrets
from harness.identities import allow
from harness.server import binary

NOUNS = {
    "key": "create list show enable disable describe tag untag schedule-deletion cancel-deletion policy",
    "key policy": "get put",
    "alias": "create update delete list",
    "grant": "create list revoke retire",
    "rotate": "now enable disable status history",
    "import": "run parameters material delete",
    "root": "rewrap unlock",
    "backup": "inspect verify",
}
# `key policy` is a noun of its own. What root, backup and restore do, other modules show.
VERBS = [(noun, verb) for noun, verbs in NOUNS.items() for verb in verbs.split() if (noun, verb) != ("key", "policy")]
ALONE = ["impact", "usage", "data-key", "encrypt", "decrypt", "backup", "restore"]
# What says all it has to say in a line, or in its exit code.
FOR_PEOPLE = {"root unlock", "restore"}


def run(server, *arguments, **options):
    return cli.run(server, "kms", *arguments, **options)


def parsed(server, *arguments, **options):
    return cli.parsed(server, "kms", *arguments, **options)


def refused(server, *arguments, **options):
    return cli.refused(server, "kms", *arguments, **options)


def name(prefix="n"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def key(server):
    return run(server, "key", "create").stdout.strip()


# ---- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [f"{noun} {verb}" for noun, verb in VERBS] + ALONE)
def test_help_teaches_with_an_example(command):
    text = subprocess.run([binary(), "kms", *command.split(), "--help"], capture_output=True, text=True, check=True).stdout
    assert f"strongroom kms {command}" in text.split("Example")[1]
    assert ("--json" in text) == (command not in FOR_PEOPLE)


@pytest.mark.parametrize("noun", [*NOUNS, ""])
def test_there_is_no_verb_without_a_row_here(noun):
    text = subprocess.run([binary(), "kms", *noun.split(), "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  ([a-z-]+)  ", text.split("Commands:")[1], re.MULTILINE)
    nouns = {noun.split()[0] for noun in NOUNS} | set(ALONE)
    assert set(listed) - {"help"} == (set(NOUNS[noun].split()) if noun else nouns)


# ---- keys, aliases --------------------------------------------------------------------------------------------------


def test_a_key_s_life(server):
    called = name()
    made = run(server, "key", "create", "--description", "by hand", "--alias", called, "--tag", "team=billing").stdout
    assert re.fullmatch(r"[0-9a-f-]{36}\n", made), "ready for KEY=$(...)"
    by_alias = f"alias/{called}"
    shown = run(server, "key", "show", by_alias).stdout
    for part in ("by hand", by_alias, "team=billing", "Enabled", "AES-256", made.strip()):
        assert part in shown
    row = next(line for line in run(server, "key", "list").stdout.splitlines() if made.strip() in line)
    assert "Enabled" in row and by_alias in row and "customer" in row
    assert "Disabled" in run(server, "key", "disable", by_alias).stdout
    assert "Enabled" in run(server, "key", "enable", by_alias).stdout
    run(server, "key", "describe", by_alias, "new words")
    run(server, "key", "tag", by_alias, "a=1", "b=2=3")
    run(server, "key", "untag", by_alias, "team", "a")
    told = parsed(server, "key", "show", by_alias)
    assert told["Description"] == "new words" and told["Tags"] == [{"TagKey": "b", "TagValue": "2=3"}]
    assert told["Aliases"] == [by_alias]
    assert "to be deleted" in run(server, "key", "schedule-deletion", by_alias, "--days", "7").stdout
    assert "Disabled" in run(server, "key", "cancel-deletion", by_alias).stdout
    assert parsed(server, "key", "create", "--spec", "sm4")["KeySpec"] == "SM4"


def test_a_needed_key_is_deleted_only_by_force_and_its_impact_is_shown(server, s3, bucket, key):
    assert run(server, "impact", key).stdout == "nothing needs this key\n"
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    line = refused(server, "key", "schedule-deletion", key, code="KMSInvalidStateException")
    assert "1 objects" in line and "--force" in line
    shown = run(server, "impact", key).stdout
    assert "1 (5 bytes)" in shown and bucket in shown
    told = parsed(server, "impact", key)
    assert (told["objects"], told["bytes"], told["buckets"], told["needed"]) == (1, 5, [bucket], True)
    low = identities.make_user(server, name("low"), [allow("kms:DescribeKey")])
    counted = parsed(server, "impact", key, credentials=low)
    assert counted["objects"] == 1 and "buckets" not in counted, "to see a key is no reason to learn who uses it"
    nobody = identities.make_user(server, name("low"), [allow("s3:*")])
    refused(server, "impact", key, code="AccessDenied", credentials=nobody)
    assert "PendingDeletion" in run(server, "key", "schedule-deletion", key, "--force").stdout


def test_aliases(server, key):
    called, second = name(), run(server, "key", "create").stdout.strip()
    run(server, "alias", "create", called, key)
    assert run(server, "alias", "list", "--key", key).stdout.splitlines()[1].split() == [f"alias/{called}", key]
    run(server, "alias", "update", f"alias/{called}", second)
    assert parsed(server, "alias", "list", "--key", second)[0]["TargetKeyId"] == second
    refused(server, "alias", "create", called, key, code="AlreadyExistsException")
    assert run(server, "alias", "delete", called).stdout == ""
    refused(server, "key", "show", f"alias/{called}", code="NotFoundException")


def test_key_policies_go_out_and_in(server, key, tmp_path):
    document = run(server, "key", "policy", "get", key).stdout
    policy = json.loads(document)
    assert policy["Statement"]
    policy["Id"] = "changed"
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    run(server, "key", "policy", "put", key, tmp_path / "policy.json")
    assert json.loads(run(server, "key", "policy", "get", key).stdout)["Id"] == "changed"
    refused(server, "key", "policy", "put", key, "-", stdin="{", code="MalformedPolicyDocumentException")


# ---- grants, rotation -----------------------------------------------------------------------------------------------


def test_grants(server, key):
    user = name("user")
    credentials = identities.make_user(server, user)
    arn = clients.iam(server).get_user(UserName=user)["User"]["Arn"]
    granted = ["grant", "create", key, "--to", arn, "--operation", "Encrypt", "--operation", "Decrypt"]
    grant = run(server, *granted, "--context-has", "purpose=backup", "--name", "backup").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", grant)
    row = run(server, "grant", "list", key).stdout.splitlines()[1]
    assert grant in row and "has purpose=backup" in row and "Decrypt, Encrypt" in row
    sealed = run(server, "encrypt", key, "-", "--context", "purpose=backup", stdin="hello", credentials=credentials)
    opened = ["decrypt", "-", "--context", "purpose=backup"]
    assert base64.b64decode(run(server, *opened, stdin=sealed.stdout, credentials=credentials).stdout) == b"hello"
    refused(server, "encrypt", key, "-", stdin="hello", credentials=credentials, code="AccessDeniedException")
    run(server, "grant", "revoke", key, grant)
    refused(server, *opened, stdin=sealed.stdout, credentials=credentials, code="AccessDeniedException")
    token = parsed(server, *granted)["GrantToken"]
    run(server, "grant", "retire", "--token", token)
    refused(server, "grant", "retire", "--token", token, code="InvalidGrantTokenException")
    half = run(server, "grant", "retire", "--key", key, check=False)
    assert half.returncode == 2


def test_rotation(server, key):
    assert "on demand only" in run(server, "rotate", "status", key).stdout
    assert "every 180 days" in run(server, "rotate", "enable", key, "--days", "180").stdout
    run(server, "rotate", "now", key)
    rows = run(server, "rotate", "history", key).stdout.splitlines()[1:]
    assert len(rows) == 2 and "created" in rows[0] and "on demand" in rows[1] and "wraps and opens" in rows[1]
    assert "on demand only" in run(server, "rotate", "disable", key).stdout
    refused(server, "rotate", "enable", key, "--days", "3", code="ValidationException")


# ---- import ---------------------------------------------------------------------------------------------------------


def test_material_is_imported_in_one_step(server, tmp_path):
    key = run(server, "key", "create", "--external").stdout.strip()
    material = tmp_path / "material.bin"
    material.write_bytes(os.urandom(32))
    assert "Enabled" in run(server, "import", "run", key, "--material-file", material).stdout
    sealed = run(server, "encrypt", key, "-", stdin="hello").stdout
    assert "PendingImport" in run(server, "import", "delete", key).stdout
    refused(server, "decrypt", "-", stdin=sealed, code="KMSInvalidStateException")
    (tmp_path / "other.bin").write_bytes(os.urandom(32))
    refused(server, "import", "run", key, "--material-file", tmp_path / "other.bin", code="IncorrectKeyMaterialException")
    expiring = ["import", "run", key, "--material-file", material, "--expires", "2090-01-01"]
    assert "Enabled" in run(server, *expiring).stdout
    assert "2090-01-01T00:00:00Z" in run(server, "key", "show", key).stdout
    assert base64.b64decode(run(server, "decrypt", "-", stdin=sealed).stdout) == b"hello"
    (tmp_path / "empty.bin").write_bytes(b"")
    assert run(server, "import", "run", key, "--material-file", tmp_path / "empty.bin", check=False).returncode == 2


def test_material_is_imported_by_hand(server, tmp_path):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    key = run(server, "key", "create", "--external").stdout.strip()
    files = ["--public-key-file", tmp_path / "key.der", "--token-file", tmp_path / "token.bin"]
    shown = run(server, "import", "parameters", key, "--rsa-bits", "3072", *files).stdout
    assert "RSAES_OAEP_SHA_256" in shown and str(tmp_path / "token.bin") in shown
    public = serialization.load_der_public_key((tmp_path / "key.der").read_bytes())
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    material = os.urandom(32)
    secrets.note(material)
    (tmp_path / "wrapped.bin").write_bytes(public.encrypt(material, oaep))
    sent = ["--token-file", tmp_path / "token.bin", "--wrapped-file", tmp_path / "wrapped.bin"]
    assert "Enabled" in run(server, "import", "material", key, *sent).stdout


# ---- use ------------------------------------------------------------------------------------------------------------


def test_data_keys_and_small_secrets(server, key, tmp_path):
    made = parsed(server, "data-key", key, "--context", "a=b", "--bytes", "16")
    assert len(base64.b64decode(made["Plaintext"])) == 16
    opened = parsed(server, "decrypt", "-", "--context", "a=b", stdin=made["CiphertextBlob"])
    assert opened["Plaintext"] == made["Plaintext"]
    assert "--context" in refused(server, "decrypt", "-", stdin=made["CiphertextBlob"], code="InvalidCiphertextException")
    silent = run(server, "data-key", key, "--without-plaintext").stdout
    assert len(base64.b64decode(run(server, "decrypt", "-", stdin=silent).stdout)) == 32
    (tmp_path / "big").write_bytes(bytes(4097))
    assert run(server, "encrypt", key, tmp_path / "big", check=False).returncode == 2
    run(server, "key", "disable", key)
    assert "strongroom kms key enable" in refused(server, "encrypt", key, "-", stdin="x", code="DisabledException")


def test_usage_counts_by_day_key_and_operation(server, key):
    for _ in range(3):
        run(server, "encrypt", key, "-", stdin="x")
    nobody = identities.make_user(server, name("low"), [allow("s3:*")])
    refused(server, "encrypt", key, "-", stdin="x", code="AccessDeniedException", credentials=nobody)
    told = [row for row in parsed(server, "usage")["usage"] if row["key"] == key and row["operation"] == "Encrypt"]
    assert len(told) == 1 and (told[0]["ok"], told[0]["refused"]) == (3, 1)
    lines = run(server, "usage", "--csv").stdout.splitlines()
    assert lines[0] == "day,account,key,operation,ok,refused"
    assert f"{told[0]['day']},{told[0]['account']},{key},Encrypt,3,1" in lines
    assert key in run(server, "usage").stdout
    assert parsed(server, "usage", "--from", "2020-01-01", "--to", "2020-01-31")["usage"] == []
    refused(server, "usage", code="AccessDenied", credentials=nobody)
    refused(server, "usage", "--from", "2021-01-01", "--to", "2020-01-01", code="InvalidInput")


def test_another_account_sees_its_own_use_only(server, key):
    run(server, "encrypt", key, "-", stdin="x")
    other = identities.make_account(server, name("acc"))
    theirs = run(server, "key", "create", credentials=other.credentials).stdout.strip()
    rows = parsed(server, "usage", credentials=other.credentials)["usage"]
    assert {row["account"] for row in rows} == {other.id} and theirs in {row["key"] for row in rows}
