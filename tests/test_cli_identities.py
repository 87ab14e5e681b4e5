"""`strongroom account`, `user`, `group`, `role`, `policy`, `access-key` and `token-key`, as a person types them, over TLS."""

import json
import re
import subprocess
import uuid

import pytest

from harness import clients, identities
from harness.cli import parsed, refused, run
from harness.identities import allow, deny, document
from harness.server import binary

NOUNS = {
    "account": "create list show enable disable delete",
    "user": "create list show delete enable disable revoke-sessions",
    "group": "create list show delete add-user remove-user",
    "role": "create list show delete revoke-sessions",
    "policy": "create list show update delete attach detach put-inline delete-inline explain",
    "access-key": "create list enable disable delete",
    "token-key": "rotate",
}
VERBS = [(noun, verb) for noun, verbs in NOUNS.items() for verb in verbs.split()]


def name(prefix="x"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def low(server):
    return identities.make_user(server, name("low"), [allow("s3:*")])


@pytest.fixture
def user(server):
    called = name("user")
    run(server, "user", "create", "--name", called)
    return called


# ---- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun, verb", VERBS)
def test_help_teaches_with_an_example(noun, verb):
    text = subprocess.run([binary(), noun, verb, "--help"], capture_output=True, text=True, check=True).stdout
    example = text.split("Example")[1]
    assert f"strongroom {noun} {verb}" in example and "--json" in text


@pytest.mark.parametrize("noun", NOUNS)
def test_there_is_no_verb_without_a_row_here(noun):
    text = subprocess.run([binary(), noun, "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  ([a-z-]+)  ", text.split("Commands:")[1], re.MULTILINE)
    assert set(listed) - {"help"} == set(NOUNS[noun].split())


# ---- accounts -------------------------------------------------------------------------------------------------------


def test_account_create_prints_the_canonical_id_alone(server):
    done = run(server, "account", "create", "--name", name("acc"), "--email", f"{name()}@example.com")
    assert re.fullmatch(r"[0-9a-f]{32}\n", done.stdout), "ready for ID=$(...)"
    key, secret = re.search(r"access key +(\S+)", done.stderr)[1], re.search(r"secret key +(\S+)", done.stderr)[1]
    shown = run(server, "account", "show", done.stdout.strip(), credentials=(key, secret))
    assert done.stdout.strip() in shown.stdout and secret not in shown.stdout


def test_account_create_takes_given_credentials(server):
    secret = "a-given-secret-0123456789abcdef"
    for given in ([secret], ["-"]):
        called = name("acc")
        pair = ["--access-key", called, "--secret-key", *given]
        made = parsed(server, "account", "create", "--name", called, *pair, stdin=f"{secret}\n")
        assert (made["root_access_key"], made["root_secret_key"], made["name"]) == (called, secret, called)
        identities.s3(server, (called, secret)).list_buckets()
    done = run(server, "account", "create", "--name", name("acc"), "--access-key", name("AK"), "--secret-key", secret)
    assert done.stderr == "", "who gave the secret has it"
    half = run(server, "account", "create", "--name", name(), "--access-key", "AKONLY0001", check=False)
    assert half.returncode == 2


def test_account_life(server):
    called = name("acc")
    made = parsed(server, "account", "create", "--name", called)
    root = made["root_access_key"], made["root_secret_key"]
    row = next(line for line in run(server, "account", "list").stdout.splitlines() if called in line)
    assert row.split()[:4] == [made["id"], made["number"], "enabled", called]
    assert "disabled" in run(server, "account", "disable", called).stdout
    refused(server, "user", "list", code="InvalidClientTokenId", credentials=root)
    assert "enabled" in run(server, "account", "enable", made["number"]).stdout
    run(server, "user", "list", credentials=root)
    kms = parsed(server, "kms", "key", "create", credentials=root)["KeyId"]
    refused(server, "account", "delete", called, code="DeleteConflict")
    assert kms
    spare = parsed(server, "account", "create", "--name", name("acc"))
    assert run(server, "account", "delete", spare["id"]).stdout == ""
    refused(server, "account", "show", spare["id"], code="NoSuchEntity")


def test_accounts_are_for_the_operator(server, low):
    for arguments in (["list"], ["show", "root"], ["show", "absent"], ["delete", "absent"], ["create", "--name", name()]):
        refused(server, "account", *arguments, code="AccessDenied", credentials=low)


# ---- users, groups --------------------------------------------------------------------------------------------------


def test_user_life(server):
    called = name("alice")
    arn = run(server, "user", "create", "--name", called, "--path", "/staff/").stdout
    assert re.fullmatch(rf"arn:aws:iam::[0-9]{{12}}:user/staff/{called}\n", arn)
    assert called in run(server, "user", "list").stdout
    key = parsed(server, "access-key", "create", "--user", called)
    run(server, "policy", "put-inline", "--user", called, "--name", "own", "-", stdin=document(allow("s3:*")))
    group = name("group")
    run(server, "group", "create", "--name", group)
    run(server, "group", "add-user", group, "--user", called)
    shown = run(server, "user", "show", called).stdout
    assert all(part in shown for part in (arn.strip(), group, "own", key["AccessKeyId"]))
    assert key["SecretAccessKey"] not in shown
    told = parsed(server, "user", "show", called)
    assert told["Groups"][0]["GroupName"] == group and told["PolicyNames"] == ["own"] and told["AttachedPolicies"] == []

    credentials = key["AccessKeyId"], key["SecretAccessKey"]
    assert "disabled" in run(server, "user", "disable", called).stdout
    refused(server, "access-key", "list", code="InvalidClientTokenId", credentials=credentials)
    assert "enabled" in run(server, "user", "enable", called).stdout
    identities.s3(server, credentials).list_buckets()

    refused(server, "user", "delete", called, code="DeleteConflict")
    run(server, "user", "delete", called, "--force")
    refused(server, "user", "show", called, code="NoSuchEntity")
    assert called not in run(server, "group", "show", group).stdout


def test_lists_show_everybody_beyond_one_page(server):
    account = identities.make_account(server, name("acc"))
    made = {name(f"u{i}") for i in range(105)}
    iam = clients.iam(server, account.credentials)
    for called in made:
        iam.create_user(UserName=called)
    listed = {u["UserName"] for u in parsed(server, "user", "list", credentials=account.credentials)}
    assert listed == made


def test_group_life(server, user):
    group = name("group")
    assert run(server, "group", "create", "--name", group).stdout.strip().endswith(f":group/{group}")
    assert group in run(server, "group", "list").stdout
    run(server, "group", "add-user", group, "--user", user)
    assert user in run(server, "group", "show", group).stdout
    assert [u["UserName"] for u in parsed(server, "group", "show", group)["Users"]] == [user]
    run(server, "group", "remove-user", group, "--user", user)
    assert parsed(server, "group", "show", group)["Users"] == []
    run(server, "group", "add-user", group, "--user", user)
    refused(server, "group", "delete", group, code="DeleteConflict")
    run(server, "group", "delete", group, "--force")
    refused(server, "group", "show", group, code="NoSuchEntity")
    refused(server, "group", "add-user", group, "--user", user, code="NoSuchEntity")


def test_identities_are_for_who_may(server, low, user):
    for arguments in (
        ["user", "list"], ["user", "show", user], ["user", "delete", "absent"], ["user", "create", "--name", name()],
        ["user", "disable", user], ["user", "revoke-sessions", user],
        ["group", "list"], ["group", "create", "--name", name()],
        ["role", "list"], ["role", "create", "--name", name(), "--trust-account", "123456789012"],
        ["policy", "list"], ["access-key", "create", "--user", user], ["access-key", "list", "--user", "absent"],
        ["token-key", "rotate"],
    ):  # fmt: skip
        refused(server, *arguments, code="AccessDenied", credentials=low)


def test_what_others_wrote_does_not_steer_the_terminal(server):
    role = name("role")
    run(server, "role", "create", "--name", role, "--trust-account", "123456789012", "--description", "plain words")
    clients.iam(server).update_role(RoleName=role, Description="red \u00a1\u00ff")
    text = run(server, "role", "show", role).stdout
    assert "\u001b" not in text and "red" in text


# ---- roles ----------------------------------------------------------------------------------------------------------


def test_role_life(server, user, tmp_path):
    trust = tmp_path / "trust.json"
    number = parsed(server, "user", "show", user)["Arn"].split(":")[4]
    trust.write_text(identities.trust(f"arn:aws:iam::{number}:root"))
    role = name("role")
    arn = run(server, "role", "create", "--name", role, "--trust", trust, "--max-session", "7200").stdout.strip()
    assert arn == f"arn:aws:iam::{number}:role/{role}"
    run(server, "policy", "put-inline", "--role", role, "--name", "own", "-", stdin=document(allow("s3:*")))
    shown = run(server, "role", "show", role).stdout
    assert "sts:AssumeRole" in shown and "7200" in shown and "own" in shown and role in run(server, "role", "list").stdout

    session = identities.assume(server, (server.access_key, server.secret_key), arn)
    identities.s3(server, session).list_buckets()
    refused(server, "user", "list", code="AccessDenied", credentials=session)
    run(server, "role", "revoke-sessions", role)
    refused(server, "user", "list", code="Token", credentials=session)

    refused(server, "role", "delete", role, code="DeleteConflict")
    run(server, "role", "delete", role, "--force")
    refused(server, "role", "show", role, code="NoSuchEntity")


def test_a_role_may_trust_an_account_by_number_or_id(server):
    account = identities.make_account(server, name("acc"))
    for trusted in (account.number, account.id):
        role = name("role")
        arn = run(server, "role", "create", "--name", role, "--trust-account", trusted).stdout.strip()
        assert identities.assume(server, account.credentials, arn)
    neither = run(server, "role", "create", "--name", name(), check=False)
    assert neither.returncode == 2 and "--trust" in neither.stderr


# ---- policies -------------------------------------------------------------------------------------------------------


def test_policy_life(server, user, tmp_path):
    file, policy = tmp_path / "policy.json", name("policy")
    file.write_text(document(allow("s3:GetObject")))
    arn = run(server, "policy", "create", "--name", policy, "--description", "reads", file).stdout.strip()
    assert arn.endswith(f":policy/{policy}") and policy in run(server, "policy", "list", "--own").stdout
    built_in = {p["PolicyName"] for p in parsed(server, "policy", "list")} - {policy}
    assert built_in and not built_in & {p["PolicyName"] for p in parsed(server, "policy", "list", "--own") if "::aws:" in p["Arn"]}
    run(server, "policy", "attach", policy, "--user", user)
    assert policy in run(server, "user", "show", user).stdout
    shown = run(server, "policy", "show", policy).stdout
    assert user in shown and "s3:GetObject" in shown and "reads" in shown
    file.write_text(document(allow("s3:PutObject")))
    assert run(server, "policy", "update", arn, file).stdout == "v2\n"
    assert json.loads(parsed(server, "policy", "show", arn)["Document"])["Statement"][0]["Action"] == "s3:PutObject"
    refused(server, "policy", "delete", policy, code="DeleteConflict")
    run(server, "policy", "detach", policy, "--user", user)
    run(server, "policy", "delete", policy)
    refused(server, "policy", "show", arn, code="NoSuchEntity")
    refused(server, "policy", "show", policy, code=policy)


def test_policies_of_groups_and_roles(server, tmp_path):
    group, role, policy = name("group"), name("role"), name("policy")
    run(server, "group", "create", "--name", group)
    run(server, "role", "create", "--name", role, "--trust-account", "123456789012")
    run(server, "policy", "create", "--name", policy, "-", stdin=document(allow("s3:*")))
    for target in (["--group", group], ["--role", role]):
        run(server, "policy", "attach", policy, *target)
        run(server, "policy", "put-inline", *target, "--name", "own", "-", stdin=document(allow("s3:*")))
        told = parsed(server, target[0][2:], "show", target[1])
        assert told["AttachedPolicies"][0]["PolicyName"] == policy and told["PolicyNames"] == ["own"]
        run(server, "policy", "delete-inline", *target, "--name", "own")
        run(server, "policy", "detach", policy, *target)
    neither = run(server, "policy", "attach", policy, check=False)
    assert neither.returncode == 2


def test_a_malformed_document_is_refused_with_its_place(server, user):
    bad = document({"Effect": "Permit", "Action": "s3:*", "Resource": "*"})
    refused(server, "policy", "create", "--name", name(), "-", code="MalformedPolicyDocument", stdin=bad)
    refused(server, "policy", "put-inline", "--user", user, "--name", "x", "-", code="Statement[0].Effect", stdin=bad)
    missing = run(server, "policy", "create", "--name", name(), "/nonexistent/file", check=False)
    assert missing.returncode == 1 and "/nonexistent/file" in missing.stderr


def test_explain_says_why_and_ends_with_the_decision(server, user, s3, bucket):
    run(server, "policy", "put-inline", "--user", user, "--name", "reads", "-", stdin=document(allow("s3:GetObject")))
    ask = ["policy", "explain", "--as", f"user/{user}", "--resource", f"{bucket}/x"]
    allowed = run(server, *ask, "--action", "GetObject")
    assert allowed.stdout.startswith(f"allowed: s3:GetObject on {bucket}/x as arn:aws:iam::")
    assert re.search(r"^  \* Allow identity, .*reads.*statement 1: matches$", allowed.stdout, re.MULTILINE)
    denied = run(server, *ask, "--action", "s3:PutObject", check=False)
    assert denied.returncode == 3 and denied.stdout.startswith("denied: ") and "other actions" in denied.stdout
    assert denied.stderr == ""

    unsealed = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    seal = {"Sid": "Seal", "Principal": "*", **deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*", Condition=unsealed)}
    s3.put_bucket_policy(Bucket=bucket, Policy=document(seal))
    ask = ["policy", "explain", "--as", "root", "--action", "s3:PutObject", "--resource", f"{bucket}/x"]
    told = run(server, *ask, check=False)
    assert told.returncode == 3 and "because: statement 1 (Sid Seal) of bucket policy" in told.stdout
    run(server, *ask, "--header", "x-amz-server-side-encryption=aws:kms")
    as_json = run(server, *ask, "--json", "--source-ip", "10.0.0.1", "--insecure", check=False)
    assert as_json.returncode == 3 and json.loads(as_json.stdout)["allowed"] is False
    twice = run(server, *ask, "--header", "x-a=1", "--header", "X-A=2", check=False)
    assert twice.returncode == 2 and "twice" in twice.stderr


def test_explain_is_for_who_may_ask(server, low, bucket):
    ask = ["policy", "explain", "--as", "root", "--action", "GetObject"]
    refused(server, *ask, "--resource", f"{bucket}/x", code="AccessDenied", credentials=low)
    refused(server, *ask, "--resource", "absent-bucket-x/x", code="AccessDenied", credentials=low)
    refused(server, *ask, "--resource", "absent-bucket-x/x", code="NoSuchBucket")


# ---- access keys, secrets -------------------------------------------------------------------------------------------


def test_access_key_life(server, user):
    made = run(server, "access-key", "create", "--user", user).stdout
    key, secret = re.search(r"access key +(\S+)", made)[1], re.search(r"secret key +(\S+)", made)[1]
    run(server, "policy", "put-inline", "--user", user, "--name", "all", "-", stdin=document(allow("s3:*")))
    s3 = identities.s3(server, (key, secret))
    s3.list_buckets()
    listed = run(server, "access-key", "list", "--user", user).stdout
    assert key in listed and "Active" in listed and secret not in listed
    assert "SecretAccessKey" not in run(server, "access-key", "list", "--user", user, "--json").stdout
    run(server, "access-key", "disable", key, "--user", user)
    assert "Inactive" in run(server, "access-key", "list", "--user", user).stdout
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()
    run(server, "access-key", "enable", key, "--user", user)
    s3.list_buckets()
    run(server, "access-key", "delete", key, "--user", user)
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()
    refused(server, "access-key", "delete", key, "--user", user, code="NoSuchEntity")


def test_access_keys_of_one_s_own(server, user):
    run(server, "policy", "put-inline", "--user", user, "--name", "own", "-", stdin=document(allow("iam:*AccessKey*")))
    first = parsed(server, "access-key", "create", "--user", user)
    credentials = first["AccessKeyId"], first["SecretAccessKey"]
    second = parsed(server, "access-key", "create", credentials=credentials)
    assert second["UserName"] == user
    listed = {key["AccessKeyId"] for key in parsed(server, "access-key", "list", credentials=credentials)}
    assert listed == {first["AccessKeyId"], second["AccessKeyId"]}


def test_token_key_rotate(server):
    session = identities.of_reply(clients.sts(server).get_session_token())
    assert run(server, "token-key", "rotate").stdout == ""
    identities.s3(server, session).list_buckets()


def test_no_secret_is_told_twice_or_logged(make_server):
    server = make_server("--log", "trace")
    given = "a-given-secret-of-this-test-0123456789"
    account = parsed(server, "account", "create", "--name", "acme")
    run(server, "account", "create", "--name", "given", "--access-key", "GIVENKEY0001", "--secret-key", given)
    run(server, "user", "create", "--name", "alice")
    key = parsed(server, "access-key", "create", "--user", "alice")
    session = identities.of_reply(clients.sts(server).get_session_token())
    secrets = [account["root_secret_key"], given, key["SecretAccessKey"], session[1], session[2]]
    said = [
        run(server, *arguments).stdout
        for arguments in (
            ["account", "list", "--json"], ["account", "show", "acme", "--json"], ["user", "show", "alice", "--json"],
            ["access-key", "list", "--user", "alice", "--json"],
        )
    ]  # fmt: skip
    run(server, "user", "list", credentials=session)
    refused(server, "account", "create", "--name", "acme", "--access-key", "K00000001", "--secret-key", given, code="Exists")
    everything = "".join(said) + server.log()
    assert 'operation="AdminApi"' in everything, "the log is at its finest"
    for secret in secrets:
        assert secret not in everything
