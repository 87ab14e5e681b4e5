"""The AWS IAM query API on the control address, through boto3 and by hand."""

import json
import re
import uuid
from datetime import datetime, timezone
from urllib.parse import quote, urlencode

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import clients, identities, signing
from harness.identities import allow, deny, document

READ_ALL = document(allow("s3:Get*"))
TRUST_NOBODY = document({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"})  # fmt: skip


def fresh(prefix="n"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refused(call, wanted, status=None, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    reply = error.value.response
    assert reply["Error"]["Code"] == wanted, error.value
    assert status is None or reply["ResponseMetadata"]["HTTPStatusCode"] == status, error.value
    return reply["Error"]["Message"]


@pytest.fixture(scope="module")
def iam(server):
    return clients.iam(server)


@pytest.fixture(scope="module")
def number(server):
    return clients.sts(server).get_caller_identity()["Account"]


@pytest.fixture
def user(iam):
    name = fresh("user")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def group(iam):
    name = fresh("group")
    iam.create_group(GroupName=name)
    return name


@pytest.fixture
def role(iam):
    name = fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_NOBODY)
    return name


@pytest.fixture
def policy(iam):
    return iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=READ_ALL)["Policy"]["Arn"]


# ---- users ----------------------------------------------------------------------------------------------------------


def test_a_user_is_made_shown_renamed_and_deleted(iam, number):
    name = fresh("alice")
    made = iam.create_user(UserName=name, Path="/team/red/")["User"]
    assert made["UserName"] == name and made["Path"] == "/team/red/"
    assert made["Arn"] == f"arn:aws:iam::{number}:user/team/red/{name}"
    assert re.fullmatch("AIDA[A-Z2-7]{26}", made["UserId"])
    assert abs((datetime.now(timezone.utc) - made["CreateDate"]).total_seconds()) < 3600
    assert iam.get_user(UserName=name)["User"] == made
    assert iam.get_user(UserName=name.upper())["User"]["UserId"] == made["UserId"], "names compare without case"
    refused(iam.create_user, "EntityAlreadyExists", 409, UserName=name.upper())
    renamed = fresh("bob")
    iam.update_user(UserName=name, NewUserName=renamed, NewPath="/")
    after = iam.get_user(UserName=renamed)["User"]
    assert (after["UserId"], after["Path"]) == (made["UserId"], "/")
    refused(iam.get_user, "NoSuchEntity", 404, UserName=name)
    iam.delete_user(UserName=renamed)
    refused(iam.get_user, "NoSuchEntity", 404, UserName=renamed)
    refused(iam.delete_user, "NoSuchEntity", 404, UserName=renamed)


def test_a_user_made_again_has_another_id(iam, user):
    first = iam.get_user(UserName=user)["User"]["UserId"]
    iam.delete_user(UserName=user)
    assert iam.create_user(UserName=user)["User"]["UserId"] != first


@pytest.mark.parametrize("name", ["a b", "a/b", "a*", "x" * 65, "ü"])
def test_names_that_are_none(iam, name):
    refused(iam.create_user, "ValidationError", 400, UserName=name)


@pytest.mark.parametrize("path", ["no-slash", "/a", "a/", "/a//b/", "/ü/"])
def test_paths_that_are_none(iam, path):
    refused(iam.create_user, "ValidationError", 400, UserName=fresh(), Path=path)


def test_users_are_listed_in_pages_and_by_path(iam):
    path = f"/{fresh('p')}/"
    names = [fresh("u") for _ in range(5)]
    for name in names:
        iam.create_user(UserName=name, Path=path)
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2}))
    assert [len(page["Users"]) for page in pages] == [2, 2, 1]
    assert [page["IsTruncated"] for page in pages] == [True, True, False]
    assert [u["UserName"] for page in pages for u in page["Users"]] == sorted(names)
    everybody = [u["UserName"] for page in iam.get_paginator("list_users").paginate() for u in page["Users"]]
    assert set(names) <= set(everybody) and len(everybody) == len(set(everybody))
    refused(iam.list_users, "ValidationError", 400, Marker="no marker!")


def test_root_and_users_see_themselves(server, iam, number):
    root = iam.get_user()["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{number}:root", number)
    name = fresh("self")
    mine = clients.iam(server, identities.make_user(server, name, [allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}")]))
    assert mine.get_user()["User"]["UserName"] == name
    refused(mine.get_user, "AccessDenied", 403, UserName=fresh())


def test_a_user_who_still_has_something_is_not_deleted(iam, user, group, policy):
    key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    refused(iam.delete_user, "DeleteConflict", 409, UserName=user)
    iam.delete_access_key(UserName=user, AccessKeyId=key)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=READ_ALL)
    refused(iam.delete_user, "DeleteConflict", 409, UserName=user)
    iam.delete_user_policy(UserName=user, PolicyName="p")
    iam.attach_user_policy(UserName=user, PolicyArn=policy)
    refused(iam.delete_user, "DeleteConflict", 409, UserName=user)
    iam.detach_user_policy(UserName=user, PolicyArn=policy)
    iam.add_user_to_group(GroupName=group, UserName=user)
    refused(iam.delete_user, "DeleteConflict", 409, UserName=user)
    iam.remove_user_from_group(GroupName=group, UserName=user)
    iam.delete_user(UserName=user)


def test_tags_are_refused_and_never_dropped(iam, user, policy):
    iam.create_user(UserName=fresh(), Tags=[])
    tags = [{"Key": "team", "Value": "red"}]
    name = fresh()
    for call, arguments in [
        (iam.create_user, {"UserName": name}),
        (iam.create_role, {"RoleName": name, "AssumeRolePolicyDocument": TRUST_NOBODY}),
        (iam.create_policy, {"PolicyName": name, "PolicyDocument": READ_ALL}),
    ]:
        refused(call, "InvalidInput", 400, Tags=tags, **arguments)
    refused(iam.get_user, "NoSuchEntity", UserName=name)
    assert iam.list_user_tags(UserName=user)["Tags"] == []
    assert iam.list_policy_tags(PolicyArn=policy)["Tags"] == []
    refused(iam.tag_user, "InvalidAction", 400, UserName=user, Tags=tags)


# ---- login profiles -------------------------------------------------------------------------------------------------


def test_login_profiles(iam, user):
    refused(iam.get_login_profile, "NoSuchEntity", 404, UserName=user)
    refused(iam.update_login_profile, "NoSuchEntity", 404, UserName=user, Password="Correct-horse-7-battery")
    made = iam.create_login_profile(UserName=user, Password="Correct-horse-7-battery")["LoginProfile"]
    assert made["UserName"] == user and made["PasswordResetRequired"] is False
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["UserName"] == user
    refused(iam.create_login_profile, "EntityAlreadyExists", 409, UserName=user, Password="Correct-horse-7-battery")
    refused(iam.update_login_profile, "PasswordPolicyViolation", 400, UserName=user, Password="a")
    iam.update_login_profile(UserName=user, Password="Another-horse-8-battery")
    iam.delete_login_profile(UserName=user)
    refused(iam.delete_login_profile, "NoSuchEntity", 404, UserName=user)


# ---- access keys ----------------------------------------------------------------------------------------------------


def test_a_key_is_rotated(server, iam):
    name = fresh("rotating")
    old = identities.make_user(server, name, [allow("s3:ListAllMyBuckets")])
    identities.s3(server, old).list_buckets()
    made = iam.create_access_key(UserName=name)["AccessKey"]
    new = made["AccessKeyId"], made["SecretAccessKey"]
    assert made["Status"] == "Active" and len(made["SecretAccessKey"]) >= 40
    refused(iam.create_access_key, "LimitExceeded", 409, UserName=name)
    identities.s3(server, new).list_buckets()
    iam.update_access_key(UserName=name, AccessKeyId=old[0], Status="Inactive")
    refused(identities.s3(server, old).list_buckets, "InvalidAccessKeyId", 403)
    assert {k["AccessKeyId"]: k["Status"] for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]} == {
        old[0]: "Inactive", new[0]: "Active",
    }  # fmt: skip
    used = iam.get_access_key_last_used(AccessKeyId=new[0])
    assert used["UserName"] == name and used["AccessKeyLastUsed"]["ServiceName"] == "s3"
    assert abs((datetime.now(timezone.utc) - used["AccessKeyLastUsed"]["LastUsedDate"]).total_seconds()) < 7200
    iam.update_access_key(UserName=name, AccessKeyId=old[0], Status="Active")
    identities.s3(server, old).list_buckets()
    iam.delete_access_key(UserName=name, AccessKeyId=old[0])
    refused(identities.s3(server, old).list_buckets, "InvalidAccessKeyId", 403)
    refused(iam.delete_access_key, "NoSuchEntity", 404, UserName=name, AccessKeyId=old[0])
    refused(iam.update_access_key, "NoSuchEntity", 404, UserName=name, AccessKeyId=old[0], Status="Active")


def test_a_secret_is_told_once(iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    listed = iam.list_access_keys(UserName=user)
    assert made["SecretAccessKey"] not in json.dumps(listed, default=str)
    assert iam.get_access_key_last_used(AccessKeyId=made["AccessKeyId"])["AccessKeyLastUsed"]["ServiceName"] == "N/A"


def test_a_key_belongs_to_the_user_it_is_asked_for_with(server, iam, user):
    other = fresh("other")
    key = identities.make_user(server, other)[0]
    for name in ({"UserName": user}, {}):
        refused(iam.update_access_key, "NoSuchEntity", 404, AccessKeyId=key, Status="Inactive", **name)
        refused(iam.delete_access_key, "NoSuchEntity", 404, AccessKeyId=key, **name)
    assert iam.list_access_keys(UserName=other)["AccessKeyMetadata"][0]["Status"] == "Active"


def test_users_rotate_their_own_keys(server, iam):
    name = fresh("self")
    own = "arn:aws:iam::*:user/${aws:username}"
    keys = ["iam:CreateAccessKey", "iam:ListAccessKeys", "iam:UpdateAccessKey", "iam:DeleteAccessKey"]
    first = identities.make_user(server, name, [allow(keys, own)])
    mine = clients.iam(server, first)
    second = mine.create_access_key()["AccessKey"]
    assert second["UserName"] == name
    mine = clients.iam(server, (second["AccessKeyId"], second["SecretAccessKey"]))
    mine.update_access_key(AccessKeyId=first[0], Status="Inactive")
    mine.delete_access_key(AccessKeyId=first[0])
    assert [k["AccessKeyId"] for k in mine.list_access_keys()["AccessKeyMetadata"]] == [second["AccessKeyId"]]
    stranger = fresh("stranger")
    iam.create_user(UserName=stranger)
    refused(mine.create_access_key, "AccessDenied", 403, UserName=stranger)


# ---- groups ---------------------------------------------------------------------------------------------------------


def test_groups_and_their_members(iam, number, group, user):
    shown = iam.get_group(GroupName=group)
    assert shown["Group"]["Arn"] == f"arn:aws:iam::{number}:group/{group}" and shown["Users"] == []
    assert re.fullmatch("AGPA[A-Z2-7]{26}", shown["Group"]["GroupId"])
    refused(iam.create_group, "EntityAlreadyExists", 409, GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert [u["UserName"] for u in iam.get_group(GroupName=group)["Users"]] == [user]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    refused(iam.delete_group, "DeleteConflict", 409, GroupName=group)
    renamed = fresh("renamed")
    iam.update_group(GroupName=group, NewGroupName=renamed, NewPath="/x/")
    assert [g["Path"] for g in iam.list_groups(PathPrefix="/x/")["Groups"] if g["GroupName"] == renamed] == ["/x/"]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=user)["Groups"]] == [renamed]
    iam.remove_user_from_group(GroupName=renamed, UserName=user)
    iam.delete_group(GroupName=renamed)
    refused(iam.get_group, "NoSuchEntity", 404, GroupName=renamed)
    refused(iam.add_user_to_group, "NoSuchEntity", 404, GroupName=renamed, UserName=user)


def test_what_a_group_allows_its_members_may_do(server, iam, group):
    name = fresh("member")
    s3 = identities.s3(server, identities.make_user(server, name))
    refused(s3.list_buckets, "AccessDenied", 403)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=document(allow("s3:ListAllMyBuckets")))
    iam.add_user_to_group(GroupName=group, UserName=name)
    s3.list_buckets()
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(deny("s3:*")))
    refused(s3.list_buckets, "AccessDenied", 403)
    iam.delete_user_policy(UserName=name, PolicyName="p")
    s3.list_buckets()
    iam.remove_user_from_group(GroupName=group, UserName=name)
    refused(s3.list_buckets, "AccessDenied", 403)


# ---- roles ----------------------------------------------------------------------------------------------------------


def test_a_role_is_made_shown_changed_and_deleted(iam, number):
    name = fresh("role")
    made = iam.create_role(
        RoleName=name, Path="/svc/", AssumeRolePolicyDocument=TRUST_NOBODY, Description="for backups",
        MaxSessionDuration=7200,
    )["Role"]  # fmt: skip
    assert made["Arn"] == f"arn:aws:iam::{number}:role/svc/{name}"
    assert re.fullmatch("AROA[A-Z2-7]{26}", made["RoleId"])
    assert made["AssumeRolePolicyDocument"] == json.loads(TRUST_NOBODY)
    shown = iam.get_role(RoleName=name)["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("for backups", 7200)
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/svc/")["Roles"] if r["RoleName"] == name] == [name]
    iam.update_role(RoleName=name, Description="for restores", MaxSessionDuration=3600)
    assert iam.update_role_description(RoleName=name, Description="again")["Role"]["Description"] == "again"
    trust = identities.trust(f"arn:aws:iam::{number}:root")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    shown = iam.get_role(RoleName=name)["Role"]
    assert shown["AssumeRolePolicyDocument"] == json.loads(trust) and shown["MaxSessionDuration"] == 3600
    assert iam.list_role_tags(RoleName=name)["Tags"] == []
    iam.delete_role(RoleName=name)
    refused(iam.get_role, "NoSuchEntity", 404, RoleName=name)


def test_bounds_of_roles(iam, role):
    for seconds in (3599, 43201):
        refused(
            iam.create_role, "ValidationError", 400, RoleName=fresh(), AssumeRolePolicyDocument=TRUST_NOBODY,
            MaxSessionDuration=seconds,
        )  # fmt: skip
    refused(iam.create_role, "EntityAlreadyExists", 409, RoleName=role, AssumeRolePolicyDocument=TRUST_NOBODY)
    refused(iam.create_role, "MalformedPolicyDocument", 400, RoleName=fresh(), AssumeRolePolicyDocument=READ_ALL)
    refused(iam.update_assume_role_policy, "MalformedPolicyDocument", 400, RoleName=role, PolicyDocument="{}")


# ---- policies -------------------------------------------------------------------------------------------------------


def test_managed_policies_and_their_versions(iam, number):
    name = fresh("policy")
    made = iam.create_policy(PolicyName=name, Path="/p/", PolicyDocument=READ_ALL, Description="reads")["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{number}:policy/p/{name}" and re.fullmatch("ANPA[A-Z2-7]{26}", made["PolicyId"])
    assert (made["DefaultVersionId"], made["AttachmentCount"], made["IsAttachable"]) == ("v1", 0, True)
    refused(iam.create_policy, "EntityAlreadyExists", 409, PolicyName=name, PolicyDocument=READ_ALL)
    shown = iam.get_policy(PolicyArn=arn)["Policy"]
    assert shown["Description"] == "reads"
    second = document(deny("s3:Get*"))
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=second)["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v2", False)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(second)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == [
        ("v2", True), ("v1", False),
    ]  # fmt: skip
    refused(iam.delete_policy_version, "DeleteConflict", 409, PolicyArn=arn, VersionId="v2")
    refused(iam.delete_policy, "DeleteConflict", 409, PolicyArn=arn)
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ_ALL, SetAsDefault=True)
    refused(iam.create_policy_version, "LimitExceeded", 409, PolicyArn=arn, PolicyDocument=READ_ALL)
    for old in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=old)
    refused(iam.get_policy_version, "NoSuchEntity", 404, PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    refused(iam.get_policy, "NoSuchEntity", 404, PolicyArn=arn)


def test_policies_are_listed_by_scope(iam, number, user, policy):
    def arns(**arguments):
        pages = iam.get_paginator("list_policies").paginate(**arguments)
        return {p["Arn"] for page in pages for p in page["Policies"]}

    own, built_in = arns(Scope="Local"), arns(Scope="AWS")
    assert policy in own and all(f"::{number}:" in arn for arn in own)
    assert built_in and all(arn.startswith("arn:aws:iam::aws:policy/") for arn in built_in)
    assert arns() == own | built_in
    assert policy not in arns(Scope="Local", OnlyAttached=True)
    iam.attach_user_policy(UserName=user, PolicyArn=policy)
    assert policy in arns(Scope="Local", OnlyAttached=True)


def test_a_managed_policy_counts_where_it_is_attached(server, iam, policy, group, role):
    name = fresh("user")
    s3 = identities.s3(server, identities.make_user(server, name))
    buckets = document(allow("s3:ListAllMyBuckets"))
    arn = iam.create_policy(PolicyName=fresh(), PolicyDocument=buckets)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    s3.list_buckets()
    assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"] == [
        {"PolicyName": arn.rsplit("/", 1)[1], "PolicyArn": arn}
    ]
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    assert iam.list_attached_group_policies(GroupName=group)["AttachedPolicies"][0]["PolicyArn"] == arn
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"][0]["PolicyArn"] == arn
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [u["UserName"] for u in entities["PolicyUsers"]] == [name]
    assert [g["GroupName"] for g in entities["PolicyGroups"]] == [group]
    assert [r["RoleName"] for r in entities["PolicyRoles"]] == [role]
    only = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    assert only["PolicyRoles"] and not only["PolicyUsers"] and not only["PolicyGroups"]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    refused(iam.delete_policy, "DeleteConflict", 409, PolicyArn=arn)
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    refused(s3.list_buckets, "AccessDenied", 403)
    refused(iam.detach_user_policy, "NoSuchEntity", 404, UserName=name, PolicyArn=arn)
    iam.detach_group_policy(GroupName=group, PolicyArn=arn)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)


def test_built_in_policies_are_attached_and_never_changed(server, iam):
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == "ReadOnlyAccess"
    name = fresh("reader")
    s3 = identities.s3(server, identities.make_user(server, name))
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    s3.list_buckets()
    refused(s3.create_bucket, "AccessDenied", 403, Bucket=fresh("b"))
    for call, more in [
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": READ_ALL}),
        (iam.set_default_policy_version, {"VersionId": "v1"}),
        (iam.delete_policy_version, {"VersionId": "v1"}),
    ]:
        with pytest.raises(ClientError):
            call(PolicyArn=arn, **more)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_inline_policies(iam, kind, request):
    name = request.getfixturevalue(kind)
    named = {f"{kind.capitalize()}Name": name}
    put, get, listed, delete = (
        getattr(iam, operation)
        for operation in (f"put_{kind}_policy", f"get_{kind}_policy", f"list_{kind}_policies", f"delete_{kind}_policy")
    )
    text = document(allow("s3:GetObject", "arn:aws:s3:::b/ü+ %/*"))
    put(PolicyName="two", PolicyDocument=READ_ALL, **named)
    put(PolicyName="one", PolicyDocument=READ_ALL, **named)
    put(PolicyName="one", PolicyDocument=text, **named)
    assert listed(**named)["PolicyNames"] == ["one", "two"]
    first = listed(MaxItems=1, **named)
    assert first["PolicyNames"] == ["one"] and first["IsTruncated"]
    assert listed(Marker=first["Marker"], **named)["PolicyNames"] == ["two"]
    shown = get(PolicyName="one", **named)
    assert shown["PolicyDocument"] == json.loads(text) and shown[f"{kind.capitalize()}Name"] == name
    delete(PolicyName="one", **named)
    refused(get, "NoSuchEntity", 404, PolicyName="one", **named)
    refused(delete, "NoSuchEntity", 404, PolicyName="one", **named)
    refused(put, "NoSuchEntity", 404, PolicyName="p", PolicyDocument=READ_ALL, **{f"{kind.capitalize()}Name": fresh()})
    message = refused(put, "MalformedPolicyDocument", 400, PolicyName="p", PolicyDocument=document(allow("s3:*") | {"Effect": "Maybe"}), **named)  # fmt: skip
    assert "Statement" in message and "Effect" in message, "the message says where"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"Version":"2012-10-17"}', document({"Effect": "Allow", "Action": "s3:*"}),
     document(allow("s3:*") | {"Principal": "*"}), document(allow("s3:*"), version="1999-01-01"),
     document(allow("s3:*", Condition={"NoSuchOperator": {"aws:username": "a"}}))],
    ids=["cut", "list", "no statement", "no resource", "principal", "version", "operator"],
)  # fmt: skip
def test_documents_that_are_none(iam, user, text):
    refused(iam.put_user_policy, "MalformedPolicyDocument", 400, UserName=user, PolicyName="p", PolicyDocument=text)
    refused(iam.create_policy, "MalformedPolicyDocument", 400, PolicyName=fresh(), PolicyDocument=text)
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []


# ---- boundaries -----------------------------------------------------------------------------------------------------


def test_a_boundary_limits_what_its_user_may_do(server, iam):
    name = fresh("bounded")
    s3 = identities.s3(server, identities.make_user(server, name, [allow("s3:*")]))
    s3.list_buckets()
    boundary = iam.create_policy(PolicyName=fresh(), PolicyDocument=document(allow("s3:CreateBucket")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    assert iam.get_user(UserName=name)["User"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary,
    }  # fmt: skip
    refused(s3.list_buckets, "AccessDenied", 403)
    s3.create_bucket(Bucket=fresh("b"))
    refused(iam.delete_policy, "DeleteConflict", 409, PolicyArn=boundary)
    iam.delete_user_permissions_boundary(UserName=name)
    assert "PermissionsBoundary" not in iam.get_user(UserName=name)["User"]
    s3.list_buckets()


def test_boundaries_of_roles_and_of_what_is_made_with_one(iam, role, policy):
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=policy)
    assert iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    iam.delete_role_permissions_boundary(RoleName=role)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=role)["Role"]
    made = iam.create_user(UserName=fresh(), PermissionsBoundary=policy)["User"]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    absent = policy + "-absent"
    name = fresh()
    refused(iam.create_user, "NoSuchEntity", 404, UserName=name, PermissionsBoundary=absent)
    refused(iam.get_user, "NoSuchEntity", UserName=name)


# ---- the account ----------------------------------------------------------------------------------------------------


def test_the_account_as_a_whole(iam, user):
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["Users"] == sum(len(page["Users"]) for page in iam.get_paginator("list_users").paginate())
    assert summary["VersionsPerPolicyQuota"] == 5
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert iam.list_mfa_devices(UserName=user)["MFADevices"] == []


# ---- who may do what ------------------------------------------------------------------------------------------------

NO_RIGHT_NEEDED = {"ListAccountAliases", "ListMFADevices", "ListOpenIDConnectProviders"}
SOMEONE = {
    "UserName": "someone", "GroupName": "somegroup", "RoleName": "somerole", "PolicyName": "p", "VersionId": "v1",
    "PolicyArn": "arn:aws:iam::{number}:policy/some", "PermissionsBoundary": "arn:aws:iam::{number}:policy/some",
    "PolicyDocument": READ_ALL, "AssumeRolePolicyDocument": TRUST_NOBODY, "Status": "Inactive",
    "AccessKeyId": "SRAKSOMEBODYELSE0001", "Password": "Correct-horse-7-battery", "Description": "d",
}  # fmt: skip


def offered(iam):
    """The operations of boto3's model that the server offers, with what each must be given."""
    model = iam.meta.service_model
    for name in model.operation_names:
        method = getattr(iam, next(py for py, api in iam.meta.method_to_api_mapping.items() if api == name))
        needs = model.operation_model(name).input_shape.required_members if model.operation_model(name).input_shape else []
        yield name, method, needs


def model_members(iam, name):
    return iam.meta.service_model.operation_model(name).input_shape.members


def test_who_has_no_right_may_do_nothing(server, iam, number):
    """Every operation, as a user without any policy: denied, and never told whether what is named exists."""
    nobody = clients.iam(server, identities.make_user(server, fresh("nobody")))
    seen = set()
    for name, method, needs in offered(nobody):
        if not set(needs) <= set(SOMEONE) or name in ("TagUser", "UntagUser"):
            continue
        arguments = {need: SOMEONE[need].format(number=number) if "{number}" in SOMEONE[need] else SOMEONE[need] for need in needs}
        if "LoginProfile" in name or name in ("UpdateAccessKey", "DeleteAccessKey"):
            arguments |= {"UserName": "someone", "Password": SOMEONE["Password"]}  # optional in the model
            if "Password" not in model_members(nobody, name):
                del arguments["Password"]
        try:
            method(**arguments)
            assert name in NO_RIGHT_NEEDED, name
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidAction":
                continue
            assert code == "AccessDenied", (name, error)
            assert re.match(r"User: arn:aws:iam::\d{12}:user/nobody-\w+ is not authorized to perform: iam:", error.response["Error"]["Message"])  # fmt: skip
        seen.add(name)
    assert len(seen) > 60, sorted(seen)


def test_who_has_no_right_does_not_learn_what_exists(server, iam, user):
    nobody = clients.iam(server, identities.make_user(server, fresh("nobody")))
    there = refused(nobody.get_user, "AccessDenied", 403, UserName=user)
    absent = refused(nobody.get_user, "AccessDenied", 403, UserName="x" * len(user))
    assert there.replace(user, "NAME") == absent.replace("x" * len(user), "NAME")


def test_a_right_is_for_its_operation_and_its_entity(server, iam, number, user):
    mine = clients.iam(server, identities.make_user(server, fresh("admin"), [
        allow("iam:GetUser", f"arn:aws:iam::{number}:user/{user}"), allow("iam:CreateUser", f"arn:aws:iam::{number}:user/team/*"),
    ]))  # fmt: skip
    mine.get_user(UserName=user)
    other = fresh("other")
    iam.create_user(UserName=other)
    refused(mine.get_user, "AccessDenied", 403, UserName=other)
    refused(mine.delete_user, "AccessDenied", 403, UserName=user)
    mine.create_user(UserName=fresh(), Path="/team/")
    refused(mine.create_user, "AccessDenied", 403, UserName=fresh())
    refused(mine.create_user, "AccessDenied", 403, UserName=fresh(), Path="/other/")


def test_rights_over_policies(server, iam, number, policy):
    mine = clients.iam(server, identities.make_user(server, fresh("reader"), [allow("iam:GetPolicy")]))
    mine.get_policy(PolicyArn=policy)
    refused(mine.get_policy_version, "AccessDenied", 403, PolicyArn=policy, VersionId="v1")
    refused(mine.list_policy_versions, "AccessDenied", 403, PolicyArn=policy)
    absent = f"arn:aws:iam::{number}:policy/absent"
    refused(mine.get_policy, "NoSuchEntity", 404, PolicyArn=absent)
    refused(mine.delete_policy, "AccessDenied", 403, PolicyArn=absent)


def test_accounts_do_not_see_each_other(server, iam, user, policy):
    other = identities.make_account(server, fresh("other"))
    theirs = clients.iam(server, other.credentials)
    assert theirs.list_users()["Users"] == []
    refused(theirs.get_user, "NoSuchEntity", 404, UserName=user)
    with pytest.raises(ClientError):
        theirs.get_policy(PolicyArn=policy)
    theirs.create_user(UserName=user)
    assert theirs.get_user(UserName=user)["User"]["UserId"] != iam.get_user(UserName=user)["User"]["UserId"]
    with pytest.raises(ClientError):
        theirs.attach_user_policy(UserName=user, PolicyArn=policy)


# ---- the door -------------------------------------------------------------------------------------------------------


def post(server, fields, service="iam", sign=True, query=(), headers=None, tamper=None):
    text = fields if isinstance(fields, bytes) else urlencode(fields, quote_via=quote).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} | (headers or {})
    request = signing.Request("POST", "/", list(query), headers, text)
    if sign:
        signing.sign_v4(request, server, service=service)
    if tamper:
        request.body = tamper(request.body)
    return signing.send(request, server, control=True)


LIST = {"Action": "ListUsers", "Version": "2010-05-08"}


def test_a_signed_form_is_answered_with_the_wrapped_document(server):
    reply = post(server, LIST)
    assert reply.status == 200 and reply.headers["content-type"] == "text/xml"
    text = reply.body.decode()
    assert '<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users>' in text
    assert f"<RequestId>{reply.headers['x-amzn-requestid']}</RequestId></ResponseMetadata></ListUsersResponse>" in text
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "arguments, code, status",
    [
        ({"sign": False}, "MissingAuthenticationToken", 403),
        ({"service": "s3"}, "SignatureDoesNotMatch", 403),
        ({"service": "sts"}, "SignatureDoesNotMatch", 403),
        ({"service": "kms"}, "SignatureDoesNotMatch", 403),
        ({"tamper": lambda body: body.replace(b"ListUsers", b"ListRoles")}, "SignatureDoesNotMatch", 403),
        ({"query": [("Action", "ListUsers")]}, "InvalidQueryParameter", 400),
        ({"headers": {"Content-Type": "application/json"}}, "MalformedQueryString", 400),
    ],
    ids=["unsigned", "for s3", "for sts", "for kms", "another body", "in the address", "no form"],
)
def test_requests_refused_at_the_door(server, arguments, code, status):
    reply = post(server, LIST, **arguments)
    assert (reply.code, reply.status) == (code, status), reply
    assert b"<ErrorResponse xmlns=" in reply.body


@pytest.mark.parametrize(
    "fields, code",
    [
        ({}, "MissingAction"),
        ({"Version": "2010-05-08"}, "MissingAction"),
        ({"Action": "ListUsers"}, "InvalidAction"),
        ({"Action": "ListUsers", "Version": "2011-06-15"}, "SignatureDoesNotMatch"),
        ({"Action": "NoSuchThing", "Version": "2010-05-08"}, "InvalidAction"),
        ({"Action": "GetCallerIdentity", "Version": "2010-05-08"}, "InvalidAction"),
        (LIST | {"Pathprefix": "/"}, "InvalidQueryParameter"),
        (LIST | {"MaxItems": "1001"}, "ValidationError"),
        (LIST | {"MaxItems": "-1"}, "ValidationError"),
        (b"Action=ListUsers&Action=CreateUser&Version=2010-05-08", "InvalidQueryParameter"),
        (b"Action=ListUsers&Version=2010-05-08&PathPrefix=%zz", "MalformedQueryString"),
        (b"Action=ListUsers&Version=2010-05-08&PathPrefix=%ff", "MalformedQueryString"),
        (b"Action=ListUsers&Version=2010-05-08" + b"".join(b"&P%d=" % i for i in range(300)), "MalformedQueryString"),
        (b"Action=ListUsers&Version=2010-05-08&PathPrefix=" + b"x" * 70_000, "RequestEntityTooLarge"),
    ],
    ids=["empty", "no action", "no version", "version of sts", "unknown", "of sts", "unknown parameter", "page size",
         "negative", "twice", "escape", "not utf-8", "many", "large"],
)  # fmt: skip
def test_forms_that_are_none(server, fields, code):
    reply = post(server, fields)
    assert reply.code == code, reply
    assert 400 <= reply.status < 500


def test_only_post_is_taken(server):
    for method in ("GET", "PUT", "DELETE"):
        request = signing.Request(method, "/", [("Action", "ListUsers"), ("Version", "2010-05-08")])
        reply = signing.send(signing.sign_v4(request, server, service="iam"), server, control=True)
        # `GET /` tells the versions of the Huawei KMS API.
        taken = (200, 400, 404, 405) if method == "GET" else (400, 404, 405)
        assert reply.status in taken and b"ListUsersResponse" not in reply.body


def test_no_secret_in_the_log(server, iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]["SecretAccessKey"]
    iam.create_login_profile(UserName=user, Password="Correct-horse-9-battery")
    log = server.log()
    assert made not in log and "Correct-horse-9-battery" not in log


def test_boto3_resources(server, user):
    """The object-oriented face of boto3 is a client like any other, with its own idea of replies."""
    resource = boto3.resource(
        "iam", endpoint_url=server.control(True), region_name="local-1", aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, verify=str(server.ca),
    )  # fmt: skip
    found = resource.User(user)
    pair = found.create_access_key_pair()
    assert [key.id for key in found.access_keys.all()] == [pair.id]
    found.create_policy(PolicyName="p", PolicyDocument=READ_ALL)
    assert [policy.name for policy in found.policies.all()] == ["p"]
    assert found.Policy("p").policy_document == json.loads(READ_ALL)
