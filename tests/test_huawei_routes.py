"""Every route of the Huawei IAM API for nobody, for a user without rights and for one with exactly the right it needs.
The table is compared with the server's own and with docs/huawei-iam-api.md: a route cannot be added without a row."""

import json
import re
import uuid

import pytest

from harness import huawei
from harness.server import REGION, REPOSITORY

POLICY = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": ["obs:object:GetObject"]}]}
TEXT = json.dumps(POLICY)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})  # fmt: skip
PASSWORD = "Correct-Horse-7-Battery"
# What a row's low user gets instead of 403.
EVERYBODY, OPEN, OWN = "everybody", "open", "one's own"


def _assignments(prefix, kind, subject):
    roles = f"{prefix}/{{{kind}}}/{subject}s/{{{subject}}}/roles" if subject == "group" else \
        f"{prefix}/{{{kind}}}/agencies/{{agency}}/roles"  # fmt: skip
    what = "Group" if subject == "group" else "Role"
    return roles, [
        ("PUT", f"iam:Attach{what}Policy"), ("HEAD", f"iam:ListAttached{what}Policies"),
        ("DELETE", f"iam:Detach{what}Policy"),
    ]  # fmt: skip


def _rows():
    """(method, path, rights, body)."""
    yield "POST", "/v3/auth/tokens", OPEN, {"auth": {"identity": {"methods": ["token"]}}}
    yield "GET", "/v3/auth/tokens", ["iam:GetUser"], None
    yield "HEAD", "/v3/auth/tokens", ["iam:GetUser"], None
    yield "DELETE", "/v3/auth/tokens", ["iam:RevokeSessions"], None
    for path in ("/v3/auth/projects", "/v3/auth/domains", "/v3/auth/catalog", "/v3/regions", f"/v3/regions/{REGION}"):
        yield "GET", path, EVERYBODY, None
    yield "POST", "/v3.0/OS-CREDENTIAL/securitytokens", OPEN, {"auth": {"identity": {"methods": ["token"]}}}
    keys = "/v3.0/OS-CREDENTIAL/credentials"
    yield "POST", keys, ["iam:CreateAccessKey"], {"credential": {"user_id": "{user}"}}
    yield "GET", keys + "?user_id={user}", ["iam:ListAccessKeys"], None
    yield "GET", keys + "/{key}", ["iam:GetAccessKeyLastUsed"], None
    yield "PUT", keys + "/{key}", ["iam:UpdateAccessKey"], {"credential": {"status": "inactive"}}
    yield "DELETE", keys + "/{key}", ["iam:DeleteAccessKey"], None

    yield "POST", "/v3/users", ["iam:CreateUser"], {"user": {"name": "{fresh}"}}
    yield "GET", "/v3/users", ["iam:ListUsers"], None
    yield "GET", "/v3/users/{user}", ["iam:GetUser"], None
    yield "PATCH", "/v3/users/{user}", ["iam:UpdateUser"], {"user": {"description": "x"}}
    yield "DELETE", "/v3/users/{user}", [
        "iam:DeleteUser", "iam:DeleteAccessKey", "iam:DeleteLoginProfile", "iam:DeleteUserPolicy", "iam:DetachUserPolicy", "iam:RemoveUserFromGroup",
    ], None
    yield "POST", "/v3/users/{user}/password", OWN, {"user": {"original_password": PASSWORD, "password": PASSWORD + "8"}}
    yield "GET", "/v3/users/{user}/groups", ["iam:ListGroupsForUser"], None
    yield "GET", "/v3/users/{user}/projects", ["iam:GetUser"], None
    yield "POST", "/v3.0/OS-USER/users", ["iam:CreateUser"], {"user": {"name": "{fresh}"}}
    yield "GET", "/v3.0/OS-USER/users/{user}", ["iam:GetUser"], None
    yield "PUT", "/v3.0/OS-USER/users/{user}", ["iam:UpdateUser"], {"user": {"enabled": False}}

    yield "POST", "/v3/groups", ["iam:CreateGroup"], {"group": {"name": "{fresh}"}}
    yield "GET", "/v3/groups", ["iam:ListGroups"], None
    yield "GET", "/v3/groups/{group}", ["iam:GetGroup"], None
    yield "PATCH", "/v3/groups/{group}", ["iam:UpdateGroup"], {"group": {"description": "x"}}
    yield "DELETE", "/v3/groups/{group}", [
        "iam:DeleteGroup", "iam:DeleteGroupPolicy", "iam:DetachGroupPolicy", "iam:RemoveUserFromGroup",
    ], None
    yield "GET", "/v3/groups/{group}/users", ["iam:GetGroup"], None
    yield "PUT", "/v3/groups/{group}/users/{user}", ["iam:AddUserToGroup"], None
    yield "HEAD", "/v3/groups/{group}/users/{user}", ["iam:GetGroup"], None
    yield "DELETE", "/v3/groups/{group}/users/{user}", ["iam:RemoveUserFromGroup"], None

    roles = "/v3.0/OS-ROLE/roles"
    role = {"role": {"display_name": "{fresh}", "type": "AX", "description": "", "policy": POLICY}}
    yield "POST", roles, ["iam:CreatePolicy"], role
    yield "GET", roles, ["iam:ListPolicies"], None
    yield "GET", roles + "/{role}", ["iam:GetPolicy"], None
    yield "PATCH", roles + "/{role}", ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion"], role
    yield "DELETE", roles + "/{role}", [
        "iam:DeletePolicy", "iam:DetachUserPolicy", "iam:DetachGroupPolicy", "iam:DetachRolePolicy",
    ], None
    yield "GET", "/v3/roles", ["iam:ListPolicies"], None
    yield "GET", "/v3/roles/{role}", ["iam:GetPolicy"], None

    for prefix, kind, subject, inherited in [
        ("/v3/domains", "domain", "group", ""), ("/v3/projects", "project", "group", ""),
        ("/v3/OS-INHERIT/domains", "domain", "group", "/inherited_to_projects"),
        ("/v3.0/OS-AGENCY/domains", "domain", "agency", ""), ("/v3.0/OS-AGENCY/projects", "project", "agency", ""),
        ("/v3.0/OS-INHERIT/domains", "domain", "agency", "/inherited_to_projects"),
    ]:  # fmt: skip
        roles, rights = _assignments(prefix, kind, subject)
        for method, right in rights:
            yield method, roles + "/{role}" + inherited, [right], None
        yield "GET", roles + inherited, [rights[1][1]], None

    agencies = "/v3.0/OS-AGENCY/agencies"
    yield "POST", agencies, ["iam:CreateRole"], {"agency": {"name": "{fresh}", "trust_domain_id": "{domain}"}}
    yield "GET", agencies, ["iam:ListRoles"], None
    yield "GET", agencies + "/{agency}", ["iam:GetRole"], None
    yield "PUT", agencies + "/{agency}", ["iam:UpdateRole"], {"agency": {"description": "x"}}
    yield "DELETE", agencies + "/{agency}", ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"], None

    yield "POST", "/v3/projects", ["iam:CreateProject"], {"project": {"name": "{fresh}"}}
    yield "GET", "/v3/projects", EVERYBODY, None
    yield "GET", "/v3/projects/{project}", EVERYBODY, None
    yield "PATCH", "/v3/projects/{project}", ["iam:UpdateProject"], {"project": {"description": "x"}}
    yield "DELETE", "/v3/projects/{project}", ["iam:DeleteProject"], None

    yield "GET", "/v5/caller-identity", EVERYBODY, None
    yield "POST", "/v5/agencies/assume", ["sts:AssumeRole"], {"agency_urn": "{urn}", "agency_session_name": "table"}
    yield "POST", "/v5/caller-password", OWN, {"old_password": "not mine", "new_password": PASSWORD}
    yield "POST", "/v5/users", ["iam:CreateUser"], {"name": "{fresh}"}
    yield "GET", "/v5/users", ["iam:ListUsers"], None
    yield "GET", "/v5/users/{user}", ["iam:GetUser"], None
    yield "PUT", "/v5/users/{user}", ["iam:UpdateUser"], {"new_description": "x"}
    yield "DELETE", "/v5/users/{bare}", ["iam:DeleteUser"], None
    profile = "/v5/users/{user}/login-profile"
    yield "POST", profile, ["iam:CreateLoginProfile"], {"password": PASSWORD}
    yield "GET", profile, ["iam:GetLoginProfile"], None
    yield "PUT", profile, ["iam:UpdateLoginProfile"], {"password": PASSWORD}
    yield "DELETE", profile, ["iam:DeleteLoginProfile"], None
    keys = "/v5/users/{user}/access-keys"
    yield "POST", keys, ["iam:CreateAccessKey"], None
    yield "GET", keys, ["iam:ListAccessKeys"], None
    yield "PUT", keys + "/{key}", ["iam:ListAccessKeys", "iam:UpdateAccessKey"], {"status": "inactive"}
    yield "DELETE", keys + "/{key}", ["iam:ListAccessKeys", "iam:DeleteAccessKey"], None
    yield "GET", keys + "/{key}/last-used", ["iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"], None
    yield "GET", "/v5/users/{user}/attached-policies", ["iam:ListAttachedUserPolicies"], None

    yield "POST", "/v5/groups", ["iam:CreateGroup"], {"group_name": "{fresh}"}
    yield "GET", "/v5/groups", ["iam:ListGroups"], None
    yield "GET", "/v5/groups/{group}", ["iam:GetGroup"], None
    yield "PUT", "/v5/groups/{group}", ["iam:UpdateGroup"], {"new_group_description": "x"}
    yield "DELETE", "/v5/groups/{empty}", ["iam:DeleteGroup"], None
    yield "POST", "/v5/groups/{group}/add-user", ["iam:AddUserToGroup"], {"user_id": "{user}"}
    yield "POST", "/v5/groups/{group}/remove-user", ["iam:RemoveUserFromGroup"], {"user_id": "{user}"}
    yield "GET", "/v5/groups/{group}/attached-policies", ["iam:ListAttachedGroupPolicies"], None

    policies = "/v5/policies"
    yield "POST", policies, ["iam:CreatePolicy"], {"policy_name": "{fresh}", "policy_document": TEXT}
    yield "GET", policies, ["iam:ListPolicies"], None
    yield "GET", policies + "/{role}", ["iam:GetPolicy"], None
    yield "PUT", policies + "/{role}", ["iam:CreatePolicyVersion"], {"description": "x"}
    yield "DELETE", policies + "/{loose}", ["iam:DeletePolicy"], None
    yield "POST", policies + "/{role}/versions", ["iam:CreatePolicyVersion"], {"policy_document": TEXT}
    yield "GET", policies + "/{role}/versions", ["iam:ListPolicyVersions"], None
    yield "GET", policies + "/{role}/versions/v1", ["iam:GetPolicyVersion"], None
    yield "DELETE", policies + "/{role}/versions/v1", ["iam:DeletePolicyVersion"], None
    yield "POST", policies + "/{role}/versions/v1/set-default", ["iam:SetDefaultPolicyVersion"], None
    for kind, what in [("user", "User"), ("group", "Group"), ("agency", "Role")]:
        body = {f"{kind}_id": "{%s}" % kind}
        yield "POST", policies + "/{role}/attach-" + kind, [f"iam:Attach{what}Policy"], body
        yield "POST", policies + "/{role}/detach-" + kind, [f"iam:Detach{what}Policy"], body
    yield "GET", policies + "/{role}/attached-entities", ["iam:ListEntitiesForPolicy"], None

    agency = {"agency_name": "{fresh}", "trust_policy": TRUST}
    yield "POST", "/v5/agencies", ["iam:CreateRole"], agency
    yield "GET", "/v5/agencies", ["iam:ListRoles"], None
    yield "GET", "/v5/agencies/{agency}", ["iam:GetRole"], None
    yield "PUT", "/v5/agencies/{agency}", ["iam:UpdateRole"], {"description": "x"}
    yield "PUT", "/v5/agencies/{agency}/trust-policy", ["iam:UpdateAssumeRolePolicy"], {"trust_policy": TRUST}
    yield "DELETE", "/v5/agencies/{lonely}", ["iam:DeleteRole"], None
    yield "GET", "/v5/agencies/{agency}/attached-policies", ["iam:ListAttachedRolePolicies"], None


ROWS = list(_rows())


def pattern(path):
    path = re.sub(r"\{\w+\}", "{}", path.split("?")[0])
    return path.replace("/versions/v1", "/versions/{}").replace(f"/regions/{REGION}", "/regions/{}")


def test_every_route_of_the_server_has_its_row_and_every_row_its_line_in_the_page():
    source = (REPOSITORY / "crates/gateway/src/control/huawei/routes.rs").read_text()
    served = re.findall(r'^    ([A-Z]+) "(/v[^"]+)"\s+(?:Open|Authenticated) ', source, re.M)
    assert len(served) > 100
    rows = [(method, pattern(path)) for method, path, _, _ in ROWS]
    assert sorted(rows) == sorted(served)
    page = (REPOSITORY / "docs/huawei-iam-api.md").read_text()
    for method, path, rights, _ in ROWS:
        shown = ", ".join(f"`{right}`" for right in rights) if isinstance(rights, list) else rights
        assert f"| `{method} {pattern(path)}` | {shown} |" in page, f"| `{method} {pattern(path)}` | {shown} |"


class World:
    """Entities that a row may name, made by the root identity, each once and only when it is named."""

    def __init__(self, server):
        self.server, self.root, self.made = server, (server.access_key, server.secret_key), {}

    def ask(self, method, target, body=None, status=(200, 201, 204)):
        reply = huawei.call(self.server, method, target, body, keys=self.root)
        assert reply.status_code in status, f"{method} {target}: {reply.status_code} {reply.text}"
        return reply.json() if reply.content else None

    def __getitem__(self, name):
        if name == "fresh":
            return f"n-{uuid.uuid4().hex[:12]}"
        if name not in self.made:
            self.made[name] = getattr(self, name)()
        return self.made[name]

    def fill(self, template):
        if isinstance(template, dict):
            return {name: self.fill(value) for name, value in template.items()}
        if not isinstance(template, str) or template.startswith('{"'):
            return template
        return re.sub(r"\{(\w+)\}", lambda found: self[found[1]], template)

    def domain(self):
        return self.ask("GET", "/v3/auth/domains")["domains"][0]["id"]

    def project(self):
        return self.ask("POST", "/v3/projects", {"project": {"name": self["fresh"]}})["project"]["id"]

    def bare(self):
        return self.ask("POST", "/v3/users", {"user": {"name": self["fresh"]}})["user"]["id"]

    def user(self):
        user = self.bare()
        self.ask("PUT", f"/v3/groups/{self['group']}/users/{user}")
        return user

    def key(self):
        body = {"credential": {"user_id": self["user"]}}
        return self.ask("POST", "/v3.0/OS-CREDENTIAL/credentials", body)["credential"]["access"]

    def group(self):
        group = self.empty()
        self.ask("PUT", f"/v3/domains/{self['domain']}/groups/{group}/roles/{self['role']}")
        return group

    def empty(self):
        return self.ask("POST", "/v3/groups", {"group": {"name": self["fresh"]}})["group"]["id"]

    def loose(self):
        role = {"role": {"display_name": self["fresh"], "type": "XA", "policy": POLICY}}
        return self.ask("POST", "/v3.0/OS-ROLE/roles", role)["role"]["id"]

    role = loose

    def lonely(self):
        agency = {"agency": {"name": self["fresh"], "trust_domain_id": self["domain"]}}
        made = self.ask("POST", "/v3.0/OS-AGENCY/agencies", agency)["agency"]
        self.made["urn"] = made["agency_urn"]
        return made["id"]

    def agency(self):
        agency = self.lonely()
        self.ask("PUT", f"/v3.0/OS-AGENCY/domains/{self['domain']}/agencies/{agency}/roles/{self['role']}")
        return agency

    def urn(self):
        self["agency"]
        return self.made["urn"]

    def caller(self, actions):
        """A user with a key and a policy that allows these actions and nothing else."""
        user = self.bare()
        key = self.ask("POST", "/v3.0/OS-CREDENTIAL/credentials", {"credential": {"user_id": user}})["credential"]
        if actions:
            document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            body = {"policy_name": self["fresh"], "policy_document": json.dumps(document)}
            policy = self.ask("POST", "/v5/policies", body)["policy"]["policy_id"]
            self.ask("POST", f"/v5/policies/{policy}/attach-user", {"user_id": user})
        return key["access"], key["secret"]

    def prepare(self, method, path):
        """What must be so before the right user can do what the row says."""
        named = pattern(path)
        user, role = (self[name] if "{%s}" % name in path else None for name in ("user", "role"))
        if "/login-profile" in named and method != "POST":
            self.ask("POST", f"/v5/users/{user}/login-profile", {"password": PASSWORD})
        if named.endswith(("/detach-user", "/attach-user")):
            self.ask("POST", f"/v5/policies/{role}/attach-user", {"user_id": self["user"]})
        if named.endswith(("/detach-group", "/attach-group")):
            self["group"]
        if "/versions/{}" in named:
            self.ask("POST", f"/v5/policies/{role}/versions", {"policy_document": TEXT, "set_as_default": True})


@pytest.fixture(scope="module")
def world(server):
    return World(server)


@pytest.fixture(scope="module")
def nobody_special(world):
    return world.caller([])


@pytest.fixture(scope="module")
def subject_token(server, world):
    """A token of somebody else."""
    keys = world.caller([])
    reply = huawei.call(server, "POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": ["token"]}}}, keys=keys)
    assert reply.status_code == 201, reply.text
    return reply.headers["X-Subject-Token"]


def row_id(row):
    return f"{row[0]} {pattern(row[1])}"


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_nobody_gets_in(server, world, row):
    method, path, _, body = row
    reply = huawei.call(server, method, world.fill(path), world.fill(body))
    assert reply.status_code == 401, reply.text
    assert reply.headers["X-IAM-Trace-Id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_user_without_rights_is_refused_and_learns_nothing(server, world, nobody_special, subject_token, row):
    method, path, rights, body = row
    headers = {"X-Subject-Token": subject_token} if path == "/v3/auth/tokens" and method != "POST" else None

    def ask(path):
        return huawei.call(server, method, path, world.fill(body), keys=nobody_special, headers=headers)

    reply = ask(world.fill(path))
    if rights in (EVERYBODY, OPEN):
        assert reply.status_code in (200, 201), reply.text
        return
    assert reply.status_code == (401 if path == "/v5/caller-password" else 403), reply.text
    # The same for what does not exist, as far as it is named in the path.
    if isinstance(rights, list) and re.search(r"\{(user|bare|group|empty|role|loose|agency|lonely|key)\}", path):
        absent = re.sub(r"\{(\w+)\}", lambda m: m[0] if m[1] in ("domain", "project") else uuid.uuid4().hex, path)
        assert ask(world.fill(absent)).status_code == 403


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] not in (OPEN, OWN, EVERYBODY)], ids=row_id)
def test_exactly_the_right_one_suffices(server, row, subject_token):
    method, path, rights, body = row
    world = World(server)
    target, filled = world.fill(path), world.fill(body)
    world.prepare(method, path)
    headers = {"X-Subject-Token": subject_token} if path == "/v3/auth/tokens" else None
    if path == "/v3/auth/tokens" and method == "DELETE":
        keys = world.caller([])
        made = huawei.call(server, "POST", path, {"auth": {"identity": {"methods": ["token"]}}}, keys=keys)
        headers = {"X-Subject-Token": made.headers["X-Subject-Token"]}
    without = huawei.call(server, method, target, filled, keys=world.caller(["s3:*", "kms:*"]), headers=headers)
    assert without.status_code == 403, f"with the rights of another service: {without.text}"
    keys = world.caller(rights)
    reply = huawei.call(server, method, target, filled, keys=keys, headers=headers)
    if method == "DELETE" and path.endswith("/versions/v1"):
        assert reply.status_code in (204, 409), reply.text
    else:
        assert reply.status_code in (200, 201, 204), reply.text
