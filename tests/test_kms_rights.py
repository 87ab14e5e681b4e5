"""Who may use a CMK besides those whom their own policies let: grants with their constraints, key policies and their
lockout check, other accounts."""

import json
import uuid

import pytest

from harness import identities, keys
from harness.identities import allow, deny, document
from harness.keys import make, refused


@pytest.fixture(scope="module")
def kms(server):
    return keys.client(server)


@pytest.fixture(scope="module")
def number(kms):
    return make(kms)["AWSAccountId"]


class Person:
    """A user with these statements as their own policy: client, name, ARN."""

    def __init__(self, server, number, *statements, as_root=None):
        self.name = f"p-{uuid.uuid4().hex[:12]}"
        self.credentials = identities.make_user(server, self.name, list(statements) or None, as_root)
        self.arn = f"arn:aws:iam::{number}:user/{self.name}"
        self.kms = keys.client(server, self.credentials)


@pytest.fixture
def nobody(server, number):
    """A user with no rights of their own."""
    return Person(server, number)


@pytest.fixture(scope="module")
def other(server):
    """Another account."""
    return identities.make_account(server, f"acc-{uuid.uuid4().hex[:12]}")


# ---- grants ---------------------------------------------------------------------------------------------------------


def test_a_grant_lets_at_once_and_is_revoked_at_once(kms, nobody):
    key = make(kms)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    refused(nobody.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)
    made = kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=nobody.arn, Operations=["Decrypt", "DescribeKey"])
    assert len(made["GrantId"]) == 64
    assert nobody.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x", "without any token"
    assert nobody.kms.decrypt(CiphertextBlob=blob, GrantTokens=[made["GrantToken"]])["Plaintext"] == b"x"
    assert nobody.kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["Arn"] == key["Arn"]
    for call, members in [
        (nobody.kms.encrypt, dict(Plaintext=b"x")), (nobody.kms.list_grants, {}), (nobody.kms.disable_key, {}),
        (nobody.kms.create_grant, dict(GranteePrincipal=nobody.arn, Operations=["Encrypt"])),
    ]:  # fmt: skip
        refused(call, "AccessDeniedException", KeyId=key["KeyId"], **members)
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=made["GrantId"])
    refused(nobody.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)
    token = {"GrantTokens": [made["GrantToken"]]}
    refused(nobody.kms.decrypt, "InvalidGrantTokenException", CiphertextBlob=blob, **token)
    refused(kms.revoke_grant, "InvalidGrantIdException", KeyId=key["KeyId"], GrantId=made["GrantId"])


@pytest.mark.parametrize("kind, opens, stays_shut", [
    ("EncryptionContextSubset", [{"a": "1"}, {"a": "1", "b": "2"}], [{}, {"a": "2"}, {"b": "1"}, {"A": "1"}]),
    ("EncryptionContextEquals", [{"a": "1"}], [{}, {"a": "1", "b": "2"}, {"a": "2"}]),
])  # fmt: skip
def test_constraints_ask_for_a_context(kms, nobody, kind, opens, stays_shut):
    key = make(kms)["KeyId"]
    grant = dict(KeyId=key, GranteePrincipal=nobody.arn, Operations=["Encrypt", "GenerateDataKey"])
    kms.create_grant(Constraints={kind: {"a": "1"}}, **grant)
    for context in opens:
        nobody.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
        nobody.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
    for context in stays_shut:
        refused(nobody.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x", EncryptionContext=context)


def test_a_deny_is_stronger_than_a_grant(server, kms, number):
    key = make(kms)["KeyId"]
    person = Person(server, number, deny("kms:Encrypt"))
    kms.create_grant(KeyId=key, GranteePrincipal=person.arn, Operations=["Encrypt", "GenerateDataKey"])
    refused(person.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    person.kms.generate_data_key(KeyId=key, KeySpec="AES_256")


def test_grants_are_listed_named_and_retired(server, kms, number, nobody):
    key, retiring = make(kms), Person(server, number)
    members = dict(KeyId=key["KeyId"], GranteePrincipal=nobody.arn, RetiringPrincipal=retiring.arn)
    first = kms.create_grant(Operations=["Encrypt"], Name="one", **members)
    assert kms.create_grant(Operations=["Encrypt"], Name="one", **members)["GrantId"] == first["GrantId"]
    second = kms.create_grant(Operations=["Decrypt"], Name="two", **members)
    listed = kms.list_grants(KeyId=key["KeyId"])["Grants"]
    assert [grant["GrantId"] for grant in listed] == sorted([first["GrantId"], second["GrantId"]])
    one = next(grant for grant in listed if grant["Name"] == "one")
    assert (one["KeyId"], one["GranteePrincipal"], one["RetiringPrincipal"], one["Operations"]) == (
        key["Arn"], nobody.arn, retiring.arn, ["Encrypt"],
    )  # fmt: skip
    assert one["IssuingAccount"] == f"arn:aws:iam::{number}:root"
    assert len(kms.list_grants(KeyId=key["KeyId"], GrantId=first["GrantId"])["Grants"]) == 1
    assert kms.list_grants(KeyId=key["KeyId"], GranteePrincipal=retiring.arn)["Grants"] == []
    page = kms.list_grants(KeyId=key["KeyId"], Limit=1)
    rest = kms.list_grants(KeyId=key["KeyId"], Limit=1, Marker=page["NextMarker"])
    assert page["Grants"] + rest["Grants"] == listed and not rest["Truncated"]
    retirable = kms.list_retirable_grants(RetiringPrincipal=retiring.arn)["Grants"]
    assert {grant["GrantId"] for grant in retirable} == {first["GrantId"], second["GrantId"]}
    refused(nobody.kms.retire_grant, "AccessDeniedException", KeyId=key["Arn"], GrantId=first["GrantId"])
    retiring.kms.retire_grant(GrantToken=first["GrantToken"])
    retiring.kms.retire_grant(KeyId=key["Arn"], GrantId=second["GrantId"])
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    refused(retiring.kms.retire_grant, "InvalidGrantTokenException", GrantToken=first["GrantToken"])
    refused(retiring.kms.retire_grant, "InvalidGrantTokenException", GrantToken="made up")


@pytest.mark.parametrize("members", [
    dict(Operations=["Sign"]), dict(Operations=[]), dict(Operations=["CreateGrant"], GranteePrincipal="*"),
    dict(Operations=["Decrypt"], GranteePrincipal="arn:aws:s3:::bucket"), dict(Operations=["Decrypt"], Name="a b"),
    dict(Operations=["Decrypt"], Constraints={"EncryptionContextEquals": {}, "EncryptionContextSubset": {"a": "b"}}),
])  # fmt: skip
def test_grants_that_are_not_taken(kms, number, members):
    key = make(kms)["KeyId"]
    members = {"GranteePrincipal": f"arn:aws:iam::{number}:root", **members}
    with pytest.raises(Exception, match="ValidationException|InvalidArnException|SerializationException"):
        kms.create_grant(KeyId=key, **members)
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_a_narrowed_session_gives_no_rights_away(server, kms, number):
    """A session that may do less than its role could get the rest back through a grant or a key policy of its own."""
    key = make(kms)["KeyId"]
    own = Person(server, number, allow("sts:AssumeRole"))
    name = f"role-{uuid.uuid4().hex[:12]}"
    role = identities.make_role(server, name, [own.arn], [allow("kms:*")])
    narrow = document(allow("kms:*"))
    session = keys.client(server, identities.assume(server, own.credentials, role, Policy=narrow))
    session.encrypt(KeyId=key, Plaintext=b"x")
    grant = dict(GranteePrincipal=own.arn, Operations=["Decrypt"])
    refused(session.create_grant, "AccessDeniedException", KeyId=key, **grant)
    policy = kms.get_key_policy(KeyId=key)["Policy"]
    refused(session.put_key_policy, "AccessDeniedException", KeyId=key, Policy=policy)
    whole = keys.client(server, identities.assume(server, own.credentials, role))
    whole.create_grant(KeyId=key, **grant)


# ---- key policies ---------------------------------------------------------------------------------------------------


def key_policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def to(principal, actions, effect="Allow", **more):
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": actions, "Resource": "*", **more}


def test_a_key_policy_names_its_users(server, kms, number, nobody):
    key, root = make(kms)["KeyId"], f"arn:aws:iam::{number}:root"
    rich = Person(server, number, allow("kms:*"))
    rich.kms.encrypt(KeyId=key, Plaintext=b"x")
    # Without the account in it, policies of its users count no more.
    alone = key_policy(to(nobody.arn, "kms:Encrypt"), to(root, ["kms:PutKeyPolicy", "kms:GetKeyPolicy"]))
    kms.put_key_policy(KeyId=key, Policy=alone)
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == json.loads(alone)
    nobody.kms.encrypt(KeyId=key, Plaintext=b"x")
    refused(nobody.kms.disable_key, "AccessDeniedException", KeyId=key)
    refused(rich.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")
    back = key_policy(to(root, "kms:*"), to(nobody.arn, "kms:Encrypt", "Deny"))
    kms.put_key_policy(KeyId=key, Policy=back)
    rich.kms.encrypt(KeyId=key, Plaintext=b"x")
    refused(nobody.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x")


def test_a_key_policy_may_ask_for_a_context(kms, number, nobody):
    key, root = make(kms)["KeyId"], f"arn:aws:iam::{number}:root"
    condition = {"StringEquals": {"kms:EncryptionContext:purpose": "backup"}}
    kms.put_key_policy(KeyId=key, Policy=key_policy(to(root, "kms:*"), to(nobody.arn, "kms:Encrypt", Condition=condition)))
    nobody.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"purpose": "backup", "more": "x"})
    for context in ({}, {"purpose": "other"}):
        refused(nobody.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=b"x", EncryptionContext=context)


def test_nobody_locks_a_key_by_mistake(server, kms, number, nobody):
    manager = Person(server, number, allow("kms:*"))
    made, root = make(manager.kms), f"arn:aws:iam::{number}:root"
    key = made["KeyId"]
    before = kms.get_key_policy(KeyId=key)["Policy"]
    for wrong in (
        key_policy(to(nobody.arn, "kms:*")), key_policy(to(root, "kms:*"), to(manager.arn, "kms:PutKeyPolicy", "Deny")),
        key_policy(to(root, "kms:Encrypt")), "{", "[]", "x" * 40_000, key_policy({**to(root, "kms:*"), "Principal": "?"}),
    ):  # fmt: skip
        refused(manager.kms.put_key_policy, "MalformedPolicyDocumentException", KeyId=key, Policy=wrong)
        assert kms.get_key_policy(KeyId=key)["Policy"] == before
    locked = key_policy(to(nobody.arn, "kms:Encrypt"))
    manager.kms.put_key_policy(KeyId=key, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
    refused(manager.kms.put_key_policy, "AccessDeniedException", KeyId=key, Policy=before)
    # The owner's root identity comes in again, so that no key is lost for good.
    kms.put_key_policy(KeyId=key, Policy=before)
    manager.kms.describe_key(KeyId=key)


def test_a_key_is_made_with_its_policy(server, kms, number, nobody):
    root = f"arn:aws:iam::{number}:root"
    policy = key_policy(to(root, "kms:*"), to(nobody.arn, "kms:Encrypt"))
    key = make(kms, Policy=policy)["KeyId"]
    nobody.kms.encrypt(KeyId=key, Plaintext=b"x")
    # The root identity of the owner always comes in again; others could lock themselves out.
    manager, locked = Person(server, number, allow("kms:*")), key_policy(to(nobody.arn, "kms:*"))
    refused(manager.kms.create_key, "MalformedPolicyDocumentException", Policy=locked)
    key = make(manager.kms, Policy=locked, BypassPolicyLockoutSafetyCheck=True)["KeyId"]
    refused(manager.kms.describe_key, "AccessDeniedException", KeyId=key)


# ---- other accounts -------------------------------------------------------------------------------------------------


def test_another_account_uses_a_key_by_its_arn_if_both_sides_let(server, kms, number, other):
    key, root = make(kms), f"arn:aws:iam::{number}:root"
    theirs = keys.client(server, other.credentials)
    low = Person(server, other.number, as_root=other.credentials)
    high = Person(server, other.number, allow("kms:*"), as_root=other.credentials)
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    for caller in (theirs, high.kms):
        refused(caller.encrypt, "NotFoundException", KeyId=key["Arn"], Plaintext=b"x")
        refused(caller.decrypt, "AccessDeniedException", CiphertextBlob=sealed)
    shared = to(f"arn:aws:iam::{other.number}:root", ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"])
    kms.put_key_policy(KeyId=key["KeyId"], Policy=key_policy(to(root, "kms:*"), shared))
    for caller in (theirs, high.kms):
        made = caller.encrypt(KeyId=key["Arn"], Plaintext=b"y")
        assert made["KeyId"] == key["Arn"]
        assert caller.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == b"y"
        assert caller.decrypt(CiphertextBlob=sealed, KeyId=key["Arn"])["Plaintext"] == b"x"
        assert caller.describe_key(KeyId=key["Arn"])["KeyMetadata"]["AWSAccountId"] == number
        refused(caller.encrypt, "NotFoundException", KeyId=key["KeyId"], Plaintext=b"x")
        refused(caller.disable_key, "NotFoundException", KeyId=key["Arn"])
        refused(caller.put_key_policy, "NotFoundException", KeyId=key["Arn"], Policy=key_policy(to(root, "kms:*")))
    refused(low.kms.encrypt, "AccessDeniedException", KeyId=key["Arn"], Plaintext=b"x")
    assert key["KeyId"] not in json.dumps(theirs.list_keys()), "a key is listed by its owner"


def test_a_grant_to_another_account_needs_their_side_too(server, kms, other):
    key = make(kms)
    low = Person(server, other.number, as_root=other.credentials)
    high = Person(server, other.number, allow("kms:Encrypt", key["Arn"]), as_root=other.credentials)
    for person in (low, high):
        kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=person.arn, Operations=["Encrypt"])
    high.kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    refused(low.kms.encrypt, "AccessDeniedException", KeyId=key["Arn"], Plaintext=b"x")


def test_an_account_s_default_key_is_never_shared(server, kms, other):
    own = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    theirs = keys.client(server, other.credentials)
    assert theirs.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"] != own["Arn"]
    refused(theirs.encrypt, "NotFoundException", KeyId=own["Arn"], Plaintext=b"x")
    for call, members in [
        (kms.put_key_policy, dict(Policy=key_policy(to("*", "kms:*")))),
        (kms.create_grant, dict(GranteePrincipal=f"arn:aws:iam::{other.number}:root", Operations=["Encrypt"])),
        (kms.rotate_key_on_demand, {}), (kms.disable_key, {}), (kms.schedule_key_deletion, {}),
    ]:  # fmt: skip
        refused(call, "UnsupportedOperationException", KeyId=own["KeyId"], **members)


def test_unknown_foreign_and_elsewhere_look_alike(server, kms, other):
    mine = make(kms)["Arn"]
    theirs = keys.client(server, other.credentials)
    names = [
        mine, mine.rsplit("/", 1)[0] + f"/{uuid.uuid4()}", mine.replace(":local-1:", ":far-9:"),
        mine.replace(f":{mine.split(':')[4]}:", ":999999999999:"),
    ]  # fmt: skip
    for call, members in [(theirs.describe_key, {}), (theirs.encrypt, dict(Plaintext=b"x")), (theirs.enable_key, {})]:
        texts = {refused(call, "NotFoundException", KeyId=key, **members).replace(key, "KEY") for key in names}
        assert texts == {"Key 'KEY' does not exist"}
