"""The Huawei IAM and STS APIs on the control address, through huaweicloudsdkiam and huaweicloudsdksts, and by hand where no
SDK would do it. That identities count is shown with their keys on the address of buckets and objects."""

import json
import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import huaweicloudsdkiam.v3 as v3
import huaweicloudsdkiam.v5 as v5
import huaweicloudsdksts.v1 as sts1
import pytest
from botocore.exceptions import ClientError
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException

from harness import huawei, identities
from harness.identities import make_account
from harness.server import REGION

PASSWORD = "Correct-Horse-7-Battery"


def fresh(prefix="n"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refused(call, status, *arguments):
    with pytest.raises(ClientRequestException) as error:
        call(*arguments)
    assert error.value.status_code == status, error.value
    assert error.value.request_id and error.value.error_msg
    return error.value


def policy(*actions, resource=None, effect="Allow"):
    statement = {"Effect": effect, "Action": list(actions)}
    return {"Version": "1.1", "Statement": [statement | ({"Resource": resource} if resource else {})]}


@pytest.fixture(scope="module")
def root(server):
    return server.access_key, server.secret_key


@pytest.fixture(scope="module")
def iam(server):
    return huawei.iam(server)


@pytest.fixture(scope="module")
def iam5(server):
    return huawei.iam5(server)


@pytest.fixture(scope="module")
def domain(server, root):
    return huawei.call(server, "GET", "/v3/auth/domains", keys=root).json()["domains"][0]


def make_user(iam, password=None, name=None):
    body = v3.KeystoneCreateUserRequestBody(
        user=v3.KeystoneCreateUserOption(name=name or fresh("user"), password=password, description="a user")
    )
    return iam.keystone_create_user(v3.KeystoneCreateUserRequest(body=body)).user


def make_key(iam, user):
    option = v3.CreateCredentialOption(user_id=user.id, description="a key")
    body = v3.CreatePermanentAccessKeyRequestBody(credential=option)
    made = iam.create_permanent_access_key(v3.CreatePermanentAccessKeyRequest(body=body)).credential
    return made.access, made.secret


def make_group(iam, *users):
    option = v3.KeystoneCreateGroupOption(name=fresh("group"), description="a group")
    body = v3.KeystoneCreateGroupRequestBody(group=option)
    group = iam.keystone_create_group(v3.KeystoneCreateGroupRequest(body=body)).group
    for user in users:
        iam.keystone_add_user_to_group(v3.KeystoneAddUserToGroupRequest(group_id=group.id, user_id=user.id))
    return group


def make_role(iam, document):
    option = v3.ServicePolicyRoleOption(
        display_name=fresh("role"), type="AX", description="a policy", policy=document
    )
    body = v3.CreateCloudServiceCustomPolicyRequestBody(role=option)
    return iam.create_cloud_service_custom_policy(v3.CreateCloudServiceCustomPolicyRequest(body=body)).role


def assign(iam, domain, group, role):
    iam.keystone_associate_group_with_domain_permission(
        v3.KeystoneAssociateGroupWithDomainPermissionRequest(domain_id=domain["id"], group_id=group.id, role_id=role.id)
    )


@pytest.fixture
def alice(iam, domain):
    """A user in a group whose policy lets her list buckets and read and write objects, with a key."""
    user = make_user(iam)
    group = make_group(iam, user)
    role = make_role(iam, policy("obs:bucket:*", "obs:object:*"))
    assign(iam, domain, group, role)
    return SimpleNamespace(user=user, group=group, role=role, keys=make_key(iam, user))


@pytest.fixture
def stored(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


def s3_status(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def rights(server, keys, bucket):
    """Whether these keys may read and write in the bucket."""
    s3 = identities.s3(server, keys)
    read = s3_status(s3.get_object, Bucket=bucket, Key="k") == 200
    return read, s3_status(s3.put_object, Bucket=bucket, Key="k", Body=b"y") == 200


# ---- what the SDK asks by itself ------------------------------------------------------------------------------------


def test_the_sdk_finds_its_domain_and_its_project(server, domain):
    client = huawei.iam(server)
    assert client._credentials.domain_id == domain["id"]
    assert client.keystone_list_auth_domains(v3.KeystoneListAuthDomainsRequest()).domains[0].name == domain["name"]
    client = huawei.iam(server, basic=True)
    projects = client.keystone_list_projects(v3.KeystoneListProjectsRequest(name=REGION)).projects
    assert [client._credentials.project_id] == [project.id for project in projects]
    assert projects[0].name == REGION and projects[0].domain_id == domain["id"]
    with pytest.raises(SdkException):
        huawei.iam(server, basic=True, region="nowhere-1")


def test_endpoints_from_the_environment(server, domain, monkeypatch):
    monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", server.control(True))
    made = huawei.credentials(server)
    made.iam_endpoint = None
    assert huawei.iam(server, made=made)._credentials.domain_id == domain["id"]


def test_derived_signatures(server, domain):
    made = huawei.credentials(server).with_derived_predicate(lambda request: True)
    made._process_derived_auth_params("iam", REGION)
    made.domain_id = domain["id"]
    client = huawei.iam(server, made=made)
    assert client.keystone_list_auth_projects(v3.KeystoneListAuthProjectsRequest()).projects
    made = huawei.credentials(server).with_derived_predicate(lambda request: True)
    made._process_derived_auth_params("obs", REGION)
    made.domain_id = domain["id"]
    client = huawei.iam(server, made=made)
    refused(client.keystone_list_auth_projects, 401, v3.KeystoneListAuthProjectsRequest())


def test_places(iam):
    regions = iam.keystone_list_regions(v3.KeystoneListRegionsRequest()).regions
    assert [region.id for region in regions] == [REGION]
    catalog = iam.keystone_show_catalog(v3.KeystoneShowCatalogRequest()).catalog
    assert {service.type for service in catalog} == {"iam", "identity", "sts"}


# ---- entities -------------------------------------------------------------------------------------------------------


def test_users(iam, domain):
    user = make_user(iam)
    assert (user.domain_id, user.enabled, user.description) == (domain["id"], True, "a user")
    show = v3.KeystoneShowUserRequest(user_id=user.id)
    assert iam.keystone_show_user(show).user.name == user.name
    listed = iam.keystone_list_users(v3.KeystoneListUsersRequest(name=user.name)).users
    assert [found.id for found in listed] == [user.id]
    option = v3.KeystoneUpdateUserOption(name=user.name + "x", enabled=False, description="renamed")
    body = v3.KeystoneUpdateUserByAdminRequestBody(user=option)
    iam.keystone_update_user_by_admin(v3.KeystoneUpdateUserByAdminRequest(user_id=user.id, body=body))
    found = iam.show_user(v3.ShowUserRequest(user_id=user.id)).user
    assert (found.name, found.enabled, found.description) == (user.name + "x", False, "renamed")
    option = v3.CreateUserOption(name=user.name.upper() + "X", domain_id=domain["id"])
    error = refused(iam.create_user, 409, v3.CreateUserRequest(body=v3.CreateUserRequestBody(user=option)))
    assert error.error_code == "IAM.0005"
    option = v3.UpdateUserOption(enabled=True, description="wide")
    body = v3.UpdateUserRequestBody(user=option)
    assert iam.update_user(v3.UpdateUserRequest(user_id=user.id, body=body)).user.description == "wide"
    iam.keystone_delete_user(v3.KeystoneDeleteUserRequest(user_id=user.id))
    refused(iam.keystone_show_user, 404, show)


def test_a_weak_password_leaves_no_user_behind(iam):
    name = fresh("weak")
    with pytest.raises(ClientRequestException) as error:
        make_user(iam, password="x", name=name)
    assert error.value.status_code == 400
    assert iam.keystone_list_users(v3.KeystoneListUsersRequest(name=name)).users == []


def test_groups_and_members(iam):
    user = make_user(iam)
    group = make_group(iam, user)
    member = {"group_id": group.id, "user_id": user.id}
    iam.keystone_check_user_in_group(v3.KeystoneCheckUserInGroupRequest(**member))
    users = iam.keystone_list_users_for_group_by_admin(v3.KeystoneListUsersForGroupByAdminRequest(group.id)).users
    assert [found.id for found in users] == [user.id]
    groups = iam.keystone_list_groups_for_user(v3.KeystoneListGroupsForUserRequest(user_id=user.id)).groups
    assert [found.id for found in groups] == [group.id]
    option = v3.KeystoneUpdateGroupOption(name=group.name + "x")
    body = v3.KeystoneUpdateGroupRequestBody(group=option)
    iam.keystone_update_group(v3.KeystoneUpdateGroupRequest(group_id=group.id, body=body))
    assert iam.keystone_show_group(v3.KeystoneShowGroupRequest(group_id=group.id)).group.name == group.name + "x"
    iam.keystone_remove_user_from_group(v3.KeystoneRemoveUserFromGroupRequest(**member))
    with pytest.raises(ClientRequestException):
        iam.keystone_check_user_in_group(v3.KeystoneCheckUserInGroupRequest(**member))
    iam.keystone_delete_group(v3.KeystoneDeleteGroupRequest(group_id=group.id))
    refused(iam.keystone_show_group, 404, v3.KeystoneShowGroupRequest(group_id=group.id))


def test_access_keys(server, iam, alice, stored):
    access, secret = alice.keys
    assert rights(server, alice.keys, stored) == (True, True)
    listed = iam.list_permanent_access_keys(v3.ListPermanentAccessKeysRequest(user_id=alice.user.id)).credentials
    assert [(key.access, key.status, key.user_id) for key in listed] == [(access, "active", alice.user.id)]
    shown = iam.show_permanent_access_key(v3.ShowPermanentAccessKeyRequest(access_key=access))
    assert shown.credential.description == "a key" and secret not in str(shown)
    for status, expected in [("inactive", (False, False)), ("active", (True, True))]:
        body = v3.UpdatePermanentAccessKeyRequestBody(credential=v3.UpdateCredentialOption(status=status))
        iam.update_permanent_access_key(v3.UpdatePermanentAccessKeyRequest(access_key=access, body=body))
        assert rights(server, alice.keys, stored) == expected
    second = make_key(iam, alice.user)
    option = v3.CreateCredentialOption(user_id=alice.user.id)
    body = v3.CreatePermanentAccessKeyRequestBody(credential=option)
    error = refused(iam.create_permanent_access_key, 400, v3.CreatePermanentAccessKeyRequest(body=body))
    assert error.error_msg == "akSkNumExceed"
    iam.delete_permanent_access_key(v3.DeletePermanentAccessKeyRequest(access_key=second[0]))
    assert rights(server, second, stored) == (False, False)


def test_the_root_identity_keeps_its_keys_under_the_accounts_id(iam, domain, root):
    listed = iam.list_permanent_access_keys(v3.ListPermanentAccessKeysRequest()).credentials
    assert (root[0], domain["id"]) in [(key.access, key.user_id) for key in listed]
    named = iam.list_permanent_access_keys(v3.ListPermanentAccessKeysRequest(user_id=domain["id"])).credentials
    assert [key.access for key in named] == [key.access for key in listed]


def test_a_policy_of_a_group_counts_and_its_change_too(server, iam, domain, stored):
    user = make_user(iam)
    group, keys = make_group(iam, user), make_key(iam, user)
    role = make_role(iam, policy("obs:object:GetObject", resource=[f"obs:*:*:object:{stored}/*"]))
    assert (role.catalog, role.type, role.domain_id) == ("CUSTOMED", "AX", domain["id"])
    assert rights(server, keys, stored) == (False, False)
    assign(iam, domain, group, role)
    assert rights(server, keys, stored) == (True, False)
    named = {"domain_id": domain["id"], "group_id": group.id}
    iam.keystone_check_domain_permission_for_group(
        v3.KeystoneCheckDomainPermissionForGroupRequest(role_id=role.id, **named)
    )
    listed = iam.keystone_list_domain_permissions_for_group(v3.KeystoneListDomainPermissionsForGroupRequest(**named))
    assert [found.id for found in listed.roles] == [role.id]
    option = v3.ServicePolicyRoleOption(
        display_name=role.display_name, type="AX", description="wider", policy=policy("obs:object:*")
    )
    body = v3.UpdateCloudServiceCustomPolicyRequestBody(role=option)
    iam.update_cloud_service_custom_policy(v3.UpdateCloudServiceCustomPolicyRequest(role_id=role.id, body=body))
    assert rights(server, keys, stored) == (True, True)
    shown = iam.show_custom_policy(v3.ShowCustomPolicyRequest(role_id=role.id)).role
    assert shown.policy.statement[0].action == ["obs:object:*"] and shown.description == "wider"
    deny = make_role(iam, policy("obs:object:PutObject", effect="Deny"))
    assign(iam, domain, group, deny)
    assert rights(server, keys, stored) == (True, False), "a Deny wins"
    iam.delete_custom_policy(v3.DeleteCustomPolicyRequest(role_id=deny.id))
    assert rights(server, keys, stored) == (True, True), "a policy is deleted together with its attachments"
    iam.keystone_remove_domain_permission_from_group(
        v3.KeystoneRemoveDomainPermissionFromGroupRequest(role_id=role.id, **named)
    )
    assert rights(server, keys, stored) == (False, False)


def test_a_policy_assigned_in_a_project_counts_the_same(server, iam, domain, stored):
    user = make_user(iam)
    group, keys = make_group(iam, user), make_key(iam, user)
    role = make_role(iam, policy("obs:object:GetObject"))
    project = iam.keystone_list_projects(v3.KeystoneListProjectsRequest(name=REGION)).projects[0]
    named = {"project_id": project.id, "group_id": group.id, "role_id": role.id}
    iam.keystone_associate_group_with_project_permission(
        v3.KeystoneAssociateGroupWithProjectPermissionRequest(**named)
    )
    assert rights(server, keys, stored) == (True, False)
    iam.keystone_check_domain_permission_for_group(
        v3.KeystoneCheckDomainPermissionForGroupRequest(domain_id=domain["id"], group_id=group.id, role_id=role.id)
    )
    named["project_id"] = uuid.uuid4().hex
    refused(
        iam.keystone_associate_group_with_project_permission, 404,
        v3.KeystoneAssociateGroupWithProjectPermissionRequest(**named),
    )  # fmt: skip


def test_built_in_policies(server, iam, domain, stored):
    found = iam.keystone_list_permissions(v3.KeystoneListPermissionsRequest(display_name="OBS ReadOnlyAccess")).roles
    assert len(found) == 1 and found[0].domain_id is None
    user = make_user(iam)
    group, keys = make_group(iam, user), make_key(iam, user)
    assign(iam, domain, group, found[0])
    s3 = identities.s3(server, keys)
    assert s3_status(s3.list_objects_v2, Bucket=stored) == 200
    assert s3_status(s3.put_object, Bucket=stored, Key="k", Body=b"") == 403
    refused(iam.show_custom_policy, 404, v3.ShowCustomPolicyRequest(role_id=found[0].id))
    refused(iam.delete_custom_policy, 403, v3.DeleteCustomPolicyRequest(role_id=found[0].id))


def test_a_document_that_is_wrong_is_refused_with_its_place(server, iam, root):
    option = v3.ServicePolicyRoleOption(
        display_name=fresh(), type="AX", description="", policy=policy("obs:object:GetObject", effect="Perhaps")
    )
    body = v3.CreateCloudServiceCustomPolicyRequestBody(role=option)
    request = v3.CreateCloudServiceCustomPolicyRequest(body=body)
    assert "Effect" in refused(iam.create_cloud_service_custom_policy, 400, request).error_msg
    twice = b'{"role":{"display_name":"twice","type":"AX","policy":{"Version":"1.1","Statement":[{"Effect":"Deny",'
    twice += b'"Effect":"Allow","Action":["obs:object:*"]}]}}}'
    assert huawei.call(server, "POST", "/v3.0/OS-ROLE/roles", twice, keys=root).status_code == 400


def test_projects(iam):
    name = fresh("project")
    body = v3.KeystoneCreateProjectRequestBody(project=v3.KeystoneCreateProjectOption(name=name))
    project = iam.keystone_create_project(v3.KeystoneCreateProjectRequest(body=body)).project
    body = v3.KeystoneUpdateProjectRequestBody(project=v3.KeystoneUpdateProjectOption(description="changed"))
    iam.keystone_update_project(v3.KeystoneUpdateProjectRequest(project_id=project.id, body=body))
    shown = iam.keystone_show_project(v3.KeystoneShowProjectRequest(project_id=project.id)).project
    assert (shown.name, shown.description) == (name, "changed")


# ---- agencies and temporary keys ------------------------------------------------------------------------------------


def make_agency(iam, trusted, **more):
    option = v3.CreateAgencyOption(name=fresh("agency"), trust_domain_name=trusted, description="an agency", **more)
    body = v3.CreateAgencyRequestBody(agency=option)
    return iam.create_agency(v3.CreateAgencyRequest(body=body)).agency


def by_agency(client, domain, agency, policy=None, seconds=None):
    assumed = v3.IdentityAssumerole(
        agency_name=agency.name, domain_name=domain["name"], duration_seconds=seconds,
        session_user=v3.AssumeroleSessionuser(name="somebody"),
    )  # fmt: skip
    identity = v3.AgencyAuthIdentity(methods=["assume_role"], assume_role=assumed, policy=policy)
    body = v3.CreateTemporaryAccessKeyByAgencyRequestBody(auth=v3.AgencyAuth(identity=identity))
    made = client.create_temporary_access_key_by_agency(v3.CreateTemporaryAccessKeyByAgencyRequest(body=body))
    return made.credential


def keys_of(credential):
    return credential.access, credential.secret, credential.securitytoken


def lifetime(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)


def test_temporary_keys_of_an_agency(server, iam, domain, stored):
    agency = make_agency(iam, domain["name"])
    assert agency.trust_domain_id == domain["id"]
    role = make_role(iam, policy("obs:object:*"))
    iam.associate_agency_with_domain_permission(
        v3.AssociateAgencyWithDomainPermissionRequest(domain["id"], agency.id, role.id)
    )
    assumer = make_user(iam)
    low = huawei.iam(server, make_key(iam, assumer))
    with pytest.raises(ClientRequestException) as error:
        by_agency(low, domain, agency)
    assert error.value.status_code == 403, "the trust of the account alone is no right of its users"
    may = make_role(iam, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]})  # fmt: skip
    assign(iam, domain, make_group(iam, assumer), may)
    credential = by_agency(low, domain, agency)
    assert timedelta(minutes=14) < lifetime(credential.expires_at) <= timedelta(minutes=15)
    assert rights(server, keys_of(credential), stored) == (True, True)
    narrowed = by_agency(low, domain, agency, policy("obs:object:GetObject", "kms:*:*"), 3600)
    assert rights(server, keys_of(narrowed), stored) == (True, False)
    wider = by_agency(low, domain, agency, policy("*:*:*"), 1000)
    assert huawei.call(server, "GET", "/v3/users", keys=keys_of(wider)).status_code == 403, "a policy never widens"
    for seconds in (899, 86401):
        with pytest.raises(ClientRequestException) as error:
            by_agency(low, domain, agency, seconds=seconds)
        assert error.value.status_code == 400
    assert lifetime(by_agency(low, domain, agency, seconds=86400).expires_at) <= timedelta(hours=12)
    obs = huawei.obs(server, keys_of(credential))
    assert obs.getObject(stored, "k", loadStreamInMemory=True).status == 200
    iam.delete_agency(v3.DeleteAgencyRequest(agency_id=agency.id))
    assert rights(server, keys_of(credential), stored) == (False, False)


def test_agencies_that_would_end_are_refused(iam, domain):
    with pytest.raises(ClientRequestException) as error:
        make_agency(iam, domain["name"], duration="ONEDAY")
    assert error.value.status_code == 400
    agency = make_agency(iam, domain["name"], duration="FOREVER")
    body = v3.UpdateAgencyRequestBody(agency=v3.UpdateAgencyOption(description="changed"))
    iam.update_agency(v3.UpdateAgencyRequest(agency_id=agency.id, body=body))
    shown = iam.show_agency(v3.ShowAgencyRequest(agency_id=agency.id)).agency
    assert (shown.description, shown.trust_domain_name) == ("changed", domain["name"])
    listed = iam.list_agencies(v3.ListAgenciesRequest(domain_id=domain["id"], name=agency.name)).agencies
    assert [found.id for found in listed] == [agency.id]


# ---- identity tokens ------------------------------------------------------------------------------------------------


def log_in(server, domain, name, password=PASSWORD, scope=None, query="", domain_named=None):
    user = {"name": name, "password": password, "domain": {"name": domain_named or domain["name"]}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    return huawei.call(server, "POST", "/v3/auth/tokens" + query, {"auth": auth | ({"scope": scope} if scope else {})})


@pytest.fixture
def bob(server, iam, domain):
    """A user with a password, who may read and write objects."""
    user = make_user(iam, password=PASSWORD)
    assign(iam, domain, make_group(iam, user), make_role(iam, policy("obs:object:*")))
    return SimpleNamespace(user=user, token=log_in(server, domain, user.name).headers["X-Subject-Token"])


def test_tokens_by_password(server, iam, domain, bob):
    reply = log_in(server, domain, bob.user.name)
    assert reply.status_code == 201
    token = reply.json()["token"]
    assert token["methods"] == ["password"] and token["domain"]["id"] == domain["id"] and token["catalog"]
    assert token["user"]["id"] == bob.user.id and lifetime(token["expires_at"]) <= timedelta(hours=24)
    reply = log_in(server, domain, bob.user.name, scope={"project": {"name": REGION}}, query="?nocatalog=true")
    scoped = reply.json()["token"]
    assert "catalog" not in scoped and "domain" not in scoped
    assert scoped["methods"] == ["password"]
    project = scoped["project"]["id"]
    text = reply.headers["X-Subject-Token"]
    ask = "/v3/auth/projects"
    assert huawei.call(server, "GET", ask, token=text).json()["projects"][0]["id"] == project
    assert huawei.call(server, "GET", ask, token=text, headers={"X-Project-Id": project}).status_code == 200
    other = make_project(server, iam)
    assert huawei.call(server, "GET", ask, token=text, headers={"X-Project-Id": other}).status_code == 403
    for wrong in [
        log_in(server, domain, bob.user.name, password=PASSWORD + "x"), log_in(server, domain, fresh()),
        log_in(server, domain, bob.user.name, domain_named="nobody"),
    ]:  # fmt: skip
        assert wrong.status_code == 401 and "X-Subject-Token" not in wrong.headers
    assert log_in(server, domain, bob.user.name, scope={"project": {"name": "nowhere"}}).status_code == 404
    assert log_in(server, domain, bob.user.name, scope={"domain": {"name": "other"}}).status_code == 403


def make_project(server, iam):
    body = v3.KeystoneCreateProjectRequestBody(project=v3.KeystoneCreateProjectOption(name=fresh("project")))
    return iam.keystone_create_project(v3.KeystoneCreateProjectRequest(body=body)).project.id


def test_the_sdks_password_token(iam, domain, bob):
    user = v3.PwdPasswordUser(
        name=bob.user.name, password=PASSWORD, domain=v3.PwdPasswordUserDomain(name=domain["name"])
    )
    identity = v3.PwdIdentity(methods=["password"], password=v3.PwdPassword(user=user))
    auth = v3.PwdAuth(identity=identity, scope=v3.AuthScope(domain=v3.AuthScopeDomain(name=domain["name"])))
    body = v3.KeystoneCreateUserTokenByPasswordRequestBody(auth=auth)
    made = iam.keystone_create_user_token_by_password(v3.KeystoneCreateUserTokenByPasswordRequest(body=body))
    assert made.token.user.id == bob.user.id
    told = iam.keystone_validate_token(v3.KeystoneValidateTokenRequest(x_subject_token=made.x_subject_token))
    assert told.token.user.name == bob.user.name


def test_a_token_is_told_about_and_ends(server, iam, domain, bob):
    ask = "/v3/auth/tokens"
    own = {"X-Subject-Token": bob.token}
    assert huawei.call(server, "GET", ask, token=bob.token, headers=own).json()["token"]["user"]["id"] == bob.user.id
    assert huawei.call(server, "HEAD", ask, token=bob.token, headers=own).status_code == 200
    assert huawei.call(server, "GET", ask, token=bob.token, headers={"X-Subject-Token": "x"}).status_code == 404
    assert huawei.call(server, "DELETE", ask, token=bob.token, headers=own).status_code == 204
    assert huawei.call(server, "GET", "/v3/auth/domains", token=bob.token).status_code == 401
    again = log_in(server, domain, bob.user.name).headers["X-Subject-Token"]
    body = {"user": {"password": PASSWORD + "8", "original_password": PASSWORD}}
    change = f"/v3/users/{bob.user.id}/password"
    assert huawei.call(server, "POST", change, body, token=again).status_code == 403, "needs the right to it"
    may = make_role(iam, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:UpdateLoginProfile", "Resource": "*"}]})  # fmt: skip
    assign(iam, domain, make_group(iam, bob.user), may)
    wrong = body | {"user": body["user"] | {"original_password": "not it"}}
    assert huawei.call(server, "POST", change, wrong, token=again).status_code == 401
    assert huawei.call(server, "POST", change, body, token=again).status_code == 204
    assert log_in(server, domain, bob.user.name).status_code == 401
    assert huawei.call(server, "GET", "/v3/auth/domains", token=again).status_code == 401, "ends with the password"
    assert log_in(server, domain, bob.user.name, password=PASSWORD + "8").status_code == 201


def test_temporary_keys_by_token(server, iam, domain, bob, stored):
    def ask(identity, **more):
        body = {"auth": {"identity": {"methods": ["token"]} | identity}}
        return huawei.call(server, "POST", "/v3.0/OS-CREDENTIAL/securitytokens", body, **more)

    in_header = ask({}, token=bob.token)
    in_body = ask({"token": {"id": bob.token, "duration_seconds": "3600"}})
    for reply in (in_header, in_body):
        assert reply.status_code == 201, reply.text
        made = reply.json()["credential"]
        keys = made["access"], made["secret"], made["securitytoken"]
        assert rights(server, keys, stored) == (True, True)
        assert huawei.call(server, "GET", "/v5/caller-identity", keys=keys).json()["principal_id"] == bob.user.id
        assert huawei.call(server, "GET", "/v5/caller-identity", keys=keys[:2]).status_code == 401, "without its token"
        assert rights(server, keys[:2], stored) == (False, False)
    made = ask({"policy": policy("obs:object:GetObject")}, token=bob.token).json()["credential"]
    narrowed = made["access"], made["secret"], made["securitytoken"]
    assert rights(server, narrowed, stored) == (True, False)
    assert huawei.obs(server, narrowed).putContent(stored, "k", "y").status == 403
    assert ask({}).status_code == 401
    assert ask({"token": {"id": "x"}}).status_code == 401
    assert ask({"token": {"duration_seconds": 100}}, token=bob.token).status_code == 400
    identity = v3.TokenAuthIdentity(methods=["token"], token=v3.IdentityToken(id=bob.token, duration_seconds=900))
    body = v3.CreateTemporaryAccessKeyByTokenRequestBody(auth=v3.TokenAuth(identity=identity))
    made = iam.create_temporary_access_key_by_token(v3.CreateTemporaryAccessKeyByTokenRequest(body=body)).credential
    assert rights(server, keys_of(made), stored) == (True, True)


def test_an_agencys_token(server, iam, domain, bob):
    agency = make_agency(iam, domain["name"])
    may = make_role(iam, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]})  # fmt: skip
    assumed = {"agency_name": agency.name, "domain_name": domain["name"]}
    auth = {"identity": {"methods": ["assume_role"], "assume_role": assumed}, "scope": {"project": {"name": REGION}}}
    ask = ("POST", "/v3/auth/tokens", {"auth": auth})
    assert huawei.call(server, *ask).status_code == 401
    assert huawei.call(server, *ask, token=bob.token).status_code == 403
    assign(iam, domain, make_group(iam, bob.user), may)
    reply = huawei.call(server, *ask, token=bob.token)
    assert reply.status_code == 201, reply.text
    token = reply.json()["token"]
    assert token["methods"] == ["assume_role"] and token["assumed_by"]["user"]["id"] == bob.user.id
    assert token["user"]["id"] == agency.id and token["project"]["id"]
    told = huawei.call(server, "GET", "/v5/caller-identity", token=reply.headers["X-Subject-Token"]).json()
    assert told["principal_urn"].startswith(f"sts::{domain['id']}:assumed-agency:{agency.name}/")


# ---- the newer API --------------------------------------------------------------------------------------------------


def test_the_newer_api(server, iam5, domain, stored):
    made = iam5.create_user_v5(v5.CreateUserV5Request(body=v5.CreateUserReqBody(name=fresh("user")))).user
    assert made.urn == f"iam::{domain['id']}:user:{made.user_name}"
    key = iam5.create_access_key_v5(v5.CreateAccessKeyV5Request(user_id=made.user_id)).access_key
    keys = key.access_key_id, key.secret_access_key
    document = json.dumps({"Version": "5.0", "Statement": [{"Effect": "Allow", "Action": ["obs:object:getObject"]}]})
    body = v5.CreatePolicyReqBody(policy_name=fresh("policy"), policy_document=document, path="team/")
    policy = iam5.create_policy_v5(v5.CreatePolicyV5Request(body=body)).policy
    assert (policy.policy_type, policy.default_version_id, policy.path) == ("custom", "v1", "team/")
    attach = v5.AttachUserPolicyV5Request(policy.policy_id, v5.AttachUserPolicyReqBody(user_id=made.user_id))
    iam5.attach_user_policy_v5(attach)
    assert rights(server, keys, stored) == (True, False)
    attached = iam5.list_attached_user_policies_v5(v5.ListAttachedUserPoliciesV5Request(user_id=made.user_id))
    assert [found.policy_id for found in attached.attached_policies] == [policy.policy_id]
    entities = iam5.list_entities_for_policy_v5(v5.ListEntitiesForPolicyV5Request(policy_id=policy.policy_id))
    assert [found.user_id for found in entities.policy_users] == [made.user_id]
    wider = v5.CreatePolicyVersionReqBody(
        policy_document=document.replace("getObject", "*"), set_as_default=True
    )
    version = iam5.create_policy_version_v5(v5.CreatePolicyVersionV5Request(policy.policy_id, wider)).policy_version
    assert (version.version_id, version.is_default) == ("v2", True)
    assert rights(server, keys, stored) == (True, True)
    iam5.set_default_policy_version_v5(v5.SetDefaultPolicyVersionV5Request(policy.policy_id, "v1"))
    assert rights(server, keys, stored) == (True, False)
    error = refused(iam5.delete_user_v5, 409, v5.DeleteUserV5Request(user_id=made.user_id))
    assert error.error_code == "IAM.0005"
    iam5.detach_user_policy_v5(
        v5.DetachUserPolicyV5Request(policy.policy_id, v5.DetachUserPolicyReqBody(user_id=made.user_id))
    )
    iam5.delete_access_key_v5(v5.DeleteAccessKeyV5Request(made.user_id, key.access_key_id))
    assert rights(server, keys, stored) == (False, False)
    iam5.delete_user_v5(v5.DeleteUserV5Request(user_id=made.user_id))
    refused(iam5.show_user_v5, 404, v5.ShowUserV5Request(user_id=made.user_id))
    assert refused(
        huawei.iam5(server, make_key(huawei.iam(server), make_user(huawei.iam(server)))).list_users_v5, 403,
        v5.ListUsersV5Request(),
    ).error_code == "PAP5.0001"  # fmt: skip


def test_lists_of_the_newer_api_come_in_pages(iam5):
    names = {fresh("page") for _ in range(5)}
    for name in names:
        iam5.create_group_v5(v5.CreateGroupV5Request(body=v5.CreateGroupReqBody(group_name=name)))
    seen, marker = [], None
    while True:
        page = iam5.list_groups_v5(v5.ListGroupsV5Request(limit=2, marker=marker))
        assert len(page.groups) == page.page_info.current_count <= 2
        seen += [group.group_name for group in page.groups]
        marker = page.page_info.next_marker
        if not marker:
            break
    assert names <= set(seen) and len(seen) == len(set(seen))
    refused(iam5.list_groups_v5, 400, v5.ListGroupsV5Request(limit=201))
    refused(iam5.list_groups_v5, 400, v5.ListGroupsV5Request(marker="nowhere"))


def test_sts(server, iam, domain, alice, stored):
    client = huawei.sts(server)
    told = client.get_caller_identity(sts1.GetCallerIdentityRequest())
    assert (told.account_id, told.principal_urn) == (domain["id"], f"iam::{domain['id']}:root")
    low = huawei.sts(server, alice.keys)
    assert low.get_caller_identity(sts1.GetCallerIdentityRequest()).principal_id == alice.user.id
    agency = make_agency(iam, domain["name"])
    role = make_role(iam, policy("obs:object:*"))
    iam.associate_agency_with_domain_permission(
        v3.AssociateAgencyWithDomainPermissionRequest(domain["id"], agency.id, role.id)
    )
    urn = iam.show_agency(v3.ShowAgencyRequest(agency_id=agency.id)).agency.agency_urn

    def assume(client, **more):
        body = sts1.AssumeAgencyReqBody(agency_urn=urn, agency_session_name="a-session", **more)
        return client.assume_agency(sts1.AssumeAgencyRequest(body=body))

    refused(assume, 403, low)
    may = make_role(iam, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]})  # fmt: skip
    assign(iam, domain, alice.group, may)
    made = assume(low, duration_seconds=900)
    keys = made.credentials.access_key_id, made.credentials.secret_access_key, made.credentials.security_token
    assert rights(server, keys, stored) == (True, True)
    assert made.assumed_agency.id == f"{agency.id}:a-session"
    assert huawei.sts(server, keys).get_caller_identity(sts1.GetCallerIdentityRequest()).principal_id == \
        made.assumed_agency.id  # fmt: skip
    narrowed = assume(low, policy=json.dumps(policy("obs:object:GetObject"))).credentials
    keys = narrowed.access_key_id, narrowed.secret_access_key, narrowed.security_token
    assert rights(server, keys, stored) == (True, False)
    with pytest.raises(ClientRequestException):
        assume(low, source_identity="somebody-else")


# ---- signatures by hand ---------------------------------------------------------------------------------------------

ASK = "/v3/auth/domains"


def test_wrong_signatures(server, root):
    def status(**more):
        return huawei.call(server, "GET", ASK, **({"keys": root} | more)).status_code

    def altered(**headers):
        return status(alter=lambda sent: sent.update(headers))

    def stamp(minutes):
        return (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")

    assert status() == 200
    assert status(headers={"X-Sdk-Date": stamp(-14)}) == status(headers={"X-Sdk-Date": stamp(14)}) == 200
    assert status(headers={"X-Sdk-Date": stamp(-16)}) == status(headers={"X-Sdk-Date": stamp(16)}) == 401
    assert status(keys=(root[0], root[1] + "x")) == 401
    assert status(keys=("NOSUCHACCESSKEY00001", root[1])) == 401
    assert altered(Host="elsewhere.test") == 401
    for name in ("X-Domain-Id", "X-Project-Id", "X-Security-Token", "X-Sdk-Anything", "X-Subject-Token"):
        assert altered(**{name: "x"}) == 401, f"{name} unsigned"
    assert altered(**{"X-Auth-Token": "x"}) == 401, "two credentials"
    assert status(keys=None, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"}) == 401
    assert status(keys=None, headers={"Authorization": ""}) == 401


def test_the_body_and_the_target_are_signed(server, root):
    group = {"group": {"name": fresh()}}
    data = json.dumps(group).encode()

    def ask(**more):
        return huawei.call(server, "POST", "/v3/groups", data, **({"keys": root} | more))

    hashed = {"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"}
    assert ask(headers=hashed).status_code == 401

    def moved(method, target, body):
        """Signed for POST /v3/groups, sent as something else."""
        signed = {}
        huawei.call(server, "POST", "/v3/groups", data, keys=root, alter=signed.update)
        return huawei.call(server, method, target, body, headers=signed)

    assert moved("POST", "/v3/groups", data.replace(b"group", b"grouq")).status_code == 401
    assert moved("POST", "/v3/projects", data).status_code == 401
    assert moved("PUT", "/v3/groups", data).status_code in (401, 404)
    assert moved("POST", "/v3/groups?x=1", data).status_code == 401


def test_scopes_of_others(server, root, domain):
    other = make_account(server, fresh("other"))
    theirs = huawei.call(server, "GET", ASK, keys=other.credentials).json()["domains"][0]["id"]
    project = huawei.call(server, "GET", "/v3/projects", keys=other.credentials).json()["projects"][0]["id"]
    assert theirs == other.id != domain["id"]
    for header in ({"X-Domain-Id": theirs}, {"X-Project-Id": project}, {"X-Project-Id": "x"}):
        assert huawei.call(server, "GET", ASK, keys=root, headers=header).status_code == 403
    assert huawei.call(server, "GET", ASK, keys=root, headers={"X-Domain-Id": domain["id"]}).status_code == 200
    for target in (f"/v3/users?domain_id={theirs}", f"/v3/domains/{theirs}/groups/{uuid.uuid4().hex}/roles"):
        assert huawei.call(server, "GET", target, keys=root).status_code == 403
    body = {"user": {"name": fresh(), "domain_id": theirs}}
    assert huawei.call(server, "POST", "/v3/users", body, keys=root).status_code == 403
    user = huawei.call(server, "POST", "/v3/users", {"user": {"name": fresh()}}, keys=other.credentials).json()["user"]
    assert huawei.call(server, "GET", f"/v3/users/{user['id']}", keys=root).status_code == 404
    assert huawei.call(server, "DELETE", f"/v3/users/{user['id']}", keys=root).status_code == 404
    assert huawei.call(server, "GET", f"/v3/users/{user['id']}", keys=other.credentials).status_code == 200


def test_an_agency_of_another_account(server, iam, domain, stored):
    other = make_account(server, fresh("other"))
    agency = make_agency(iam, other.name)
    assert agency.trust_domain_id == other.id
    role = make_role(iam, policy("obs:object:GetObject"))
    iam.associate_agency_with_domain_permission(
        v3.AssociateAgencyWithDomainPermissionRequest(domain["id"], agency.id, role.id)
    )
    theirs = huawei.iam(server, other.credentials)
    credential = by_agency(theirs, domain, agency)
    assert rights(server, keys_of(credential), stored) == (True, False)
    third = make_account(server, fresh("third"))
    with pytest.raises(ClientRequestException) as error:
        by_agency(huawei.iam(server, third.credentials), domain, agency)
    assert error.value.status_code == 403


def test_bodies_that_are_no_requests(server, root):
    for body, status in [
        (b"", 400), (b"[]", 400), (b"{", 400), (b'{"group":1}', 400), (b'{"group":{"name":1}}', 400),
        (b'{"group":{"name":""}}', 400), (b'{"group":{"name":"a/b"}}', 400), (b'{"a":' * 500, 400),
        (b'{"group":{"name":"' + b"x" * 70_000 + b'"}}', 413),
    ]:  # fmt: skip
        reply = huawei.call(server, "POST", "/v3/groups", body, keys=root)
        assert reply.status_code == status, (body[:30], reply.text)
        assert reply.json()["error"]["code"] == status
    assert huawei.call(server, "GET", "/v3/groups?name=a&name=b", keys=root).status_code == 400


def test_what_is_not_there(server, root):
    for method, target in [("GET", "/v3/nothing"), ("PUT", "/v3/users"), ("GET", "/v3/users//"), ("GET", "/v5/nothing")]:
        reply = huawei.call(server, method, target, keys=root)
        assert reply.status_code == 404 and reply.headers["X-IAM-Trace-Id"], target
    # A path reads the same however it is written: it has one signature.
    user = huawei.call(server, "POST", "/v3/users", {"user": {"name": fresh()}}, keys=root).json()["user"]["id"]
    for same in (f"/v3/users/{user}/", f"/v3/users%2F{user}", f"/v3/%75sers/{user}"):
        assert huawei.call(server, "GET", same, keys=root).json()["user"]["id"] == user


def test_no_secret_is_logged(server, iam):
    user = make_user(iam, password=PASSWORD)
    _, secret = make_key(iam, user)
    log = server.log()
    assert secret not in log and PASSWORD not in log
