"""Who may do what through the Huawei KMS API: the rights of every route, projects, tokens, signatures. The table of rights
is compared with the server's own and with docs/huawei-kms-api.md: a route cannot be added without a row."""

import base64
import json
import re

import pytest

from harness import clients, huawei, identities
from harness.huawei import ask
from harness.server import REGION, REPOSITORY
from test_huawei_kms import details, fresh, make_key
from test_huawei_kms_refusals import ABSENT, refused

PASSWORD = "Correct-Horse-7-Battery"
ROUTES = REPOSITORY / "crates/gateway/src/control/huawei_kms/routes.rs"
PAGE = REPOSITORY / "docs/huawei-kms-api.md"


@pytest.fixture(scope="module")
def root(server):
    return server.access_key, server.secret_key


@pytest.fixture(scope="module")
def projects(server, root):
    """The ids of the default project and of another one."""
    [default] = huawei.call(server, "GET", f"/v3/projects?name={REGION}", keys=root).json()["projects"]
    made = huawei.call(server, "POST", "/v3/projects", {"project": {"name": f"{REGION}_other"}}, keys=root)
    assert made.status_code == 201, made.text
    return default["id"], made.json()["project"]["id"]


def told(reply):
    document = reply.json() if reply.content else {}
    document = {} if isinstance(document, list) else document
    return reply.status_code, document.get("error", document).get("error_code")


# ---- rights ---------------------------------------------------------------------------------------------------------

KEY = {"key_id": "{key}"}
# method, path behind kms/, rights, body. `{key}` is a key that is made for the row.
ROWS = [
    ("POST", "create-key", ["kms:CreateKey"], {"key_alias": "{fresh}"}),
    ("POST", "describe-key", ["kms:DescribeKey"], KEY),
    ("POST", "list-keys", ["kms:ListKeys"], {}),
    ("POST", "enable-key", ["kms:EnableKey"], {"key_id": "{disabled}"}),
    ("POST", "disable-key", ["kms:DisableKey"], KEY),
    ("POST", "schedule-key-deletion", ["kms:ScheduleKeyDeletion"], KEY | {"pending_days": "7"}),
    ("POST", "cancel-key-deletion", ["kms:CancelKeyDeletion"], {"key_id": "{pending}"}),
    ("POST", "update-key-alias", ["kms:UpdateAlias"], KEY | {"key_alias": "{fresh}"}),
    ("POST", "update-key-description", ["kms:UpdateKeyDescription"], KEY | {"key_description": "x"}),
    ("POST", "gen-random", ["kms:GenerateRandom"], {"random_data_length": "512"}),
    ("POST", "create-datakey", ["kms:GenerateDataKey"], KEY),
    ("POST", "create-datakey-without-plaintext", ["kms:GenerateDataKeyWithoutPlaintext"], KEY),
    ("POST", "encrypt-datakey", ["kms:Encrypt"], KEY | {
        "plain_text": "00" + "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "datakey_plain_length": "1"}),
    ("POST", "decrypt-datakey", ["kms:Decrypt"], KEY | {"cipher_text": "{hex}", "datakey_cipher_length": "32"}),
    ("POST", "encrypt-data", ["kms:Encrypt"], KEY | {"plain_text": "x"}),
    ("POST", "decrypt-data", ["kms:Decrypt"], {"cipher_text": "{base64}"}),
    ("POST", "re-encrypt", ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
     {"cipher_text": "{base64}", "destination_key_id": "{key}"}),
    ("POST", "get-parameters-for-import", ["kms:GetParametersForImport"],
     {"key_id": "{external}", "wrapping_algorithm": "RSAES_OAEP_SHA_256"}),
    ("POST", "import-key-material", ["kms:ImportKeyMaterial"],
     {"key_id": "{external}", "import_token": "AAAA", "encrypted_key_material": "AAAA"}),
    ("POST", "delete-imported-key-material", ["kms:DeleteImportedKeyMaterial"], {"key_id": "{external}"}),
    ("POST", "enable-key-rotation", ["kms:EnableKeyRotation"], KEY),
    ("POST", "disable-key-rotation", ["kms:DisableKeyRotation"], KEY),
    ("POST", "update-key-rotation-interval", ["kms:EnableKeyRotation"], KEY | {"rotation_interval": 30}),
    ("POST", "get-key-rotation-status", ["kms:GetKeyRotationStatus", "kms:ListKeyRotations"], KEY),
    ("POST", "rotate-on-demand", ["kms:RotateKeyOnDemand"], KEY),
    ("POST", "create-grant", ["kms:CreateGrant"],
     KEY | {"grantee_principal": "ab" * 16, "operations": ["describe-key"]}),
    ("POST", "list-grants", ["kms:ListGrants"], KEY),
    ("POST", "list-retirable-grants", ["kms:ListRetirableGrants"], {}),
    ("POST", "retire-grant", ["kms:RetireGrant"], KEY | {"grant_id": "{grant}"}),
    ("POST", "revoke-grant", ["kms:RevokeGrant"], KEY | {"grant_id": "{grant}"}),
    ("POST", "aliases", ["kms:CreateAlias"], KEY | {"alias": "{fresh}"}),
    ("GET", "aliases", ["kms:ListAliases"], None),
    ("DELETE", "aliases", ["kms:DeleteAlias"], {"aliases": ["{alias}"]}),
    ("POST", "alias/associate", ["kms:UpdateAlias"], {"alias": "{alias}", "target_key_id": "{key}"}),
    ("POST", "{key}/tags", ["kms:TagResource"], {"tag": {"key": "a", "value": "b"}}),
    ("GET", "{key}/tags", ["kms:ListResourceTags"], None),
    ("POST", "{key}/tags/action", ["kms:TagResource"], {"tags": [{"key": "a", "value": "b"}], "action": "create"}),
    ("POST", "{key}/tags/action", ["kms:UntagResource"], {"tags": [{"key": "a", "value": "b"}], "action": "delete"}),
    ("DELETE", "{key}/tags/a", ["kms:UntagResource"], None),
    ("GET", "tags", ["kms:ListResourceTags"], None),
    ("POST", "resource_instances/action", ["kms:ListResourceTags"], {"action": "filter"}),
    ("GET", "user-instances", ["kms:ListKeys"], None),
    ("GET", "user-quotas", ["kms:ListKeys"], None),
]  # fmt: skip
# What a row answers that was allowed and is not a success: bodies that would need more work to be right.
ALLOWED = {"KMS.2605", "KMS.2701", "KMS.0313"}


@pytest.fixture(scope="module")
def users(server):
    """A user with no right, one with a right that no row needs, and one for whom rights are set row by row."""
    low = identities.make_user(server, fresh("low"))
    wrong = identities.make_user(server, fresh("wrong"), [identities.allow(["kms:PutKeyPolicy", "s3:*"])])
    name = fresh("right")
    right = identities.make_user(server, name)
    iam = clients.iam(server)

    def may(*actions):
        text = identities.document(identities.allow(list(actions)))
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=text)

    return low, wrong, right, may


def filled(value, things):
    """The row's body or path with what `{name}` stands for."""
    return json.loads(re.sub(r"\{(\w+)\}", lambda m: things(m[1]), json.dumps(value)))


def things_of(dew):
    made = {}

    def thing(name):
        if name == "fresh":
            return fresh()
        if name not in made:
            made[name] = make(name)
        return made[name]

    def make(name):
        if name in ("hex", "base64"):
            text = ask(dew, "create_datakey", key_id=thing("key")).cipher_text
            return text if name == "hex" else base64.b64encode(bytes.fromhex(text)).decode()
        if name == "grant":
            asked = {"grantee_principal": "cd" * 16, "operations": ["describe-key"], "name": fresh()}
            return ask(dew, "create_grant", key_id=thing("key"), **asked).grant_id
        if name == "alias":
            alias = fresh()
            ask(dew, "create_alias", key_id=thing("key"), alias=alias)
            return alias
        key = make_key(dew, origin="external" if name == "external" else "kms")
        if name == "disabled":
            ask(dew, "disable_key", key_id=key)
        if name == "pending":
            ask(dew, "delete_key", key_id=key, pending_days="7")
        return key

    return thing


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2][0]}")
def test_rights(server, dew, projects, users, row):
    method, path, rights, body = row
    low, wrong, right, may = users
    things = things_of(dew)
    target, body = f"/v1.0/{projects[0]}/kms/{filled(path, things)}", filled(body, things)

    def ask_as(keys):
        return told(huawei.call(server, method, target, body, keys=keys))

    assert ask_as(None) == (401, "APIGW.0301")
    for keys in (low, wrong):
        status, code = ask_as(keys)
        assert status == 403 and code in ("KMS.0306", "KMS.0307"), (status, code)
    for missing in rights:
        others = [r for r in rights if r != missing]
        may(*others, "kms:PutKeyPolicy")
        assert ask_as(right)[0] == 403, f"without {missing}"
    may(*rights)
    status, code = ask_as(right)
    assert status in (200, 204) or code in ALLOWED, (status, code)


def test_the_table_has_every_route_and_is_that_of_the_page():
    rows = re.findall(r'^    (\w+) "/v1\.0/\{\}/kms/([^"]+)" \w+ \w+ (\w+)::', ROUTES.read_text(), re.MULTILINE)
    offered = {(method, path) for method, path, family in rows if family != "operations" or path.startswith("user-")}
    pattern = {(m, re.sub(r"\{key\}", "{}", p).replace("tags/a", "tags/{}") if p != "{key}/tags/action" else
                "{}/tags/action") for m, p, _, _ in ROWS}  # fmt: skip
    assert pattern == offered
    page = PAGE.read_text()
    documented = re.findall(r"^\| `(GET|POST|DELETE) ([^`]+)` \|.*\| ((?:`kms:\w+`(?:, | or )?)+) \|$", page, re.MULTILINE)
    table = {}
    for method, path, rights in documented:
        table[method, re.sub(r"\{\w+\}", "{}", path)] = set(re.findall(r"kms:\w+", rights))
    wanted = {}
    for method, path, rights, _ in ROWS:
        name = re.sub(r"tags/a$", "tags/{}", path.replace("{key}", "{}"))
        wanted.setdefault((method, name), set()).update(rights)
    assert table == wanted


def test_who_may_not_use_a_key_learns_nothing_about_it(server, dew, projects, users):
    low = huawei.kms(server, users[0])
    there, disabled, pending = make_key(dew), make_key(dew), make_key(dew)
    ask(dew, "disable_key", key_id=disabled)
    ask(dew, "delete_key", key_id=pending, pending_days="7")
    for operation, more in [
        ("create_datakey", {}), ("list_key_detail", {}), ("enable_key", {}), ("delete_key", {"pending_days": "7"}),
        ("enable_key_rotation", {}), ("update_key_rotation_interval", {"rotation_interval": 30}),
        ("delete_imported_key_material", {}), ("list_grants", {}),
        ("encrypt_datakey", {"plain_text": "00" * 33, "datakey_plain_length": "1"}),
    ]:  # fmt: skip
        texts = {refused("KMS.0306", low, operation, status=403, key_id=key, **more)
                 for key in (there, disabled, pending, ABSENT)}  # fmt: skip
        assert len(texts) == 1, operation


# ---- projects and tokens --------------------------------------------------------------------------------------------


def test_a_project_sees_its_own_keys(server, dew, projects):
    other = huawei.kms(server, project=projects[1])
    here, there = make_key(dew), make_key(other)
    assert here in ask(dew, "list_keys").keys and there not in ask(dew, "list_keys").keys
    assert ask(other, "list_keys").keys == [there]
    assert ask(other, "show_user_instances").instance_num == 1
    made, sealed = ask(other, "create_datakey", key_id=there), ask(other, "encrypt_data", key_id=there, plain_text="x")
    alias = details(other, there).key_alias
    for operation, more in [
        ("list_key_detail", {}), ("disable_key", {}), ("create_datakey", {}), ("list_grants", {}),
        ("delete_key", {"pending_days": "7"}), ("create_alias", {"alias": fresh()}),
        ("decrypt_datakey", {"cipher_text": made.cipher_text, "datakey_cipher_length": "32"}),
    ]:  # fmt: skip
        refused("KMS.0207", dew, operation, status=404, key_id=there, **more)
    refused("KMS.0306", dew, "decrypt_data", status=403, cipher_text=sealed.cipher_text)
    refused("KMS.0306", dew, "re_encrypt", status=403, cipher_text=sealed.cipher_text, destination_key_id=here)
    refused("KMS.0207", dew, "create_datakey", status=404, key_id=f"alias/{alias}")
    refused("KMS.0207", dew, "delete_alias", status=404, aliases=[alias])
    refused("KMS.0207", dew, "associate_alias", status=404, alias=alias, target_key_id=here)
    assert alias not in str(ask(dew, "list_aliases").body) and alias in str(ask(other, "list_aliases").body)
    assert ask(other, "decrypt_data", cipher_text=sealed.cipher_text).plain_text == "x"
    assert details(other, there).key_state == "2"


def test_projects_of_others_and_headers_that_differ(server, root, dew, projects):
    account = identities.make_account(server, fresh("account"))
    [foreign] = huawei.call(server, "GET", "/v3/projects", keys=account.credentials).json()["projects"]
    default, other = projects

    def ask_in(project, keys=root, **headers):
        return told(huawei.call(server, "POST", f"/v1.0/{project}/kms/list-keys", {}, keys=keys, headers=headers))

    assert ask_in(default)[0] == ask_in(other)[0] == ask_in(default, **{"X-Project-Id": default})[0] == 200
    assert ask_in(foreign["id"], account.credentials)[0] == 200
    for wrong in (foreign["id"], "x", "0" * 32):
        assert ask_in(wrong) == (403, "KMS.0305"), wrong
    assert ask_in(default, account.credentials) == (403, "KMS.0305")
    assert ask_in(default, **{"X-Project-Id": other}) == (403, "KMS.0305")
    assert ask_in(default, **{"X-Project-Id": foreign["id"]}) == (403, "KMS.0305")
    assert ask_in(default, **{"X-Domain-Id": account.id}) == (403, "KMS.0305")


def test_tokens_are_scoped_to_the_project_of_the_path(server, root, dew, projects):
    domain = huawei.call(server, "GET", "/v3/auth/domains", keys=root).json()["domains"][0]["name"]
    name = fresh("tom")
    user = {"user": {"name": name, "password": PASSWORD}}
    assert huawei.call(server, "POST", "/v3/users", user, keys=root).status_code == 201
    text = identities.document(identities.allow(["kms:*", "iam:*"]))
    clients.iam(server).put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=text)
    default, other = projects

    def ask_with(token, project=default, **headers):
        target = f"/v1.0/{project}/kms/list-keys"
        return told(huawei.call(server, "POST", target, {}, token=token, headers=headers))

    scoped = huawei.identity_token(server, None, domain, name, PASSWORD, default)
    assert ask_with(scoped)[0] == 200
    assert ask_with(scoped, other) == (403, "KMS.0321")
    unscoped = huawei.identity_token(server, None, domain, name, PASSWORD)
    assert ask_with(unscoped) == (403, "KMS.0305")
    assert ask_with("x" * 40) == (401, "APIGW.0301")
    target = f"/v1.0/{default}/kms/list-keys"
    both = huawei.call(server, "POST", target, {}, keys=root, token=scoped)
    assert told(both) == (401, "APIGW.0301"), "never two credentials"


def test_signatures_cover_the_body(server, root, projects):
    target = f"/v1.0/{projects[0]}/kms/gen-random"

    def alter(headers):
        headers["Authorization"] = headers["Authorization"][:-4] + "0000"

    assert told(huawei.call(server, "POST", target, {}, keys=root, alter=alter)) == (401, "APIGW.0301")
    assert told(huawei.call(server, "POST", target, {}, keys=(root[0], "x" * 40))) == (401, "APIGW.0301")
    late = huawei.call(server, "POST", target, {}, keys=root, headers={"X-Sdk-Date": "20200101T000000Z"})
    assert told(late) == (401, "APIGW.0301") and "15 minutes" in late.json()["error_msg"]
