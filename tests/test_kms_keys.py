"""The life of CMKs through boto3: what they are made of, states by operations, tags, aliases, pages, deletion."""

import base64
import json
import re
import uuid

import pytest

from harness import clients, identities, keys, signing
from harness.identities import allow
from harness.keys import force_deletion, make, material, refused, state
from harness.server import REPOSITORY
from harness.sse import body


@pytest.fixture(scope="module")
def kms(server):
    return keys.client(server)


def alias():
    return f"alias/{uuid.uuid4().hex}"


# ---- what a CMK is made of ------------------------------------------------------------------------------------------


def test_the_metadata_is_complete(kms):
    made = make(kms, Description="für Rechnungen", Tags=[{"TagKey": "team", "TagValue": "billing"}])
    expected = {
        "Enabled": True, "KeyState": "Enabled", "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS",
        "Description": "für Rechnungen", "MultiRegion": False, "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
    }  # fmt: skip
    assert {member: made[member] for member in expected} == expected
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made["KeyId"])
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made
    tags = kms.list_resource_tags(KeyId=made["KeyId"])
    assert tags["Tags"] == [{"TagKey": "team", "TagValue": "billing"}] and tags["Truncated"] is False


def test_an_sm4_key_serves_like_any_other(kms):
    made = make(kms, KeySpec="SM4")
    assert made["KeySpec"] == "SM4"
    opened = kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=made["KeyId"], Plaintext=b"hello")["CiphertextBlob"])
    assert (opened["Plaintext"], opened["KeyId"]) == (b"hello", made["Arn"])


@pytest.mark.parametrize(
    "members, exception",
    [
        (dict(KeySpec="RSA_2048"), "UnsupportedOperationException"),
        (dict(KeySpec="HMAC_256"), "UnsupportedOperationException"),
        (dict(KeyUsage="SIGN_VERIFY"), "UnsupportedOperationException"),
        (dict(MultiRegion=True), "UnsupportedOperationException"),
        (dict(Origin="MARS"), "UnsupportedOperationException"),
        (dict(Origin="EXTERNAL_KEY_STORE"), "ValidationException"),
        (dict(XksKeyId="x"), "ValidationException"),
        (dict(KeySpec="SM4", CustomerMasterKeySpec="SM4"), "ValidationException"),
        (dict(Description="x" * 8193), "ValidationException"),
        (dict(Policy="{"), "MalformedPolicyDocumentException"),
        (dict(Tags=[{"TagKey": "x" * 129, "TagValue": ""}]), "TagException"),
        (dict(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]), "TagException"),
        (dict(Tags=[{"TagKey": f"k{i}", "TagValue": ""} for i in range(51)]), "LimitExceededException"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_made_is_refused_and_nothing_is_left(kms, members, exception):
    before = sum(len(page["Keys"]) for page in kms.get_paginator("list_keys").paginate())
    refused(kms.create_key, exception, **members)
    assert sum(len(page["Keys"]) for page in kms.get_paginator("list_keys").paginate()) == before


def test_a_provider_that_is_not_there_makes_no_key(kms):
    with pytest.raises(Exception, match="nowhere|provider|Exception"):
        kms.create_key(CustomKeyStoreId="nowhere")


def test_every_operation_of_the_sdk_is_offered_or_refused_by_name(server, kms):
    """Without a body, each answers about what is missing, or that it is not offered; none is unknown."""
    offered = set()
    for operation in kms.meta.service_model.operation_names:
        request = signing.Request("POST", "/", [], {
            "X-Amz-Target": f"TrentService.{operation}", "Content-Type": "application/x-amz-json-1.1"}, b"{}")  # fmt: skip
        signing.sign_v4(request, server, service="kms")
        reply = signing.send(request, server, control=True)
        told = json.loads(reply.body).get("__type", "") if reply.status != 200 else ""
        assert "UnknownOperation" not in told, operation
        if "UnsupportedOperation" not in told:
            offered.add(operation)
    without_keys = {"CreateKey", "DeleteAlias", "GenerateRandom", "ListKeys", "ListRetirableGrants"}
    assert set(TABLE) | without_keys == offered


@pytest.mark.parametrize("operation, members", [
    ("sign", dict(Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")),
    ("generate_mac", dict(Message=b"x", MacAlgorithm="HMAC_SHA_256")),
    ("get_public_key", {}),
    ("replicate_key", dict(ReplicaRegion="x-1")),
    ("generate_data_key_pair", dict(KeyPairSpec="RSA_2048")),
])  # fmt: skip
def test_what_is_not_offered_says_so(kms, cmk, operation, members):
    text = refused(getattr(kms, operation), "UnsupportedOperationException", KeyId=cmk, **members)
    assert "not offered" in text


# ---- states by operations -------------------------------------------------------------------------------------------

OK, DISABLED, STATE, UNSUPPORTED = None, "DisabledException", "KMSInvalidStateException", "UnsupportedOperationException"
RESERVED = "InvalidAliasNameException"
USES = ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "CreateGrant"]
READS = [
    "DescribeKey", "GetKeyPolicy", "ListAliases", "ListGrants", "ListKeyPolicies", "ListResourceTags", "ListKeyRotations",
]  # fmt: skip
# Operation: enabled, disabled, pending deletion; with material that was brought: enabled, disabled, pending deletion, pending
# import; the default key (kms-iam-api §2.4).
OWN, BROUGHT = ["Enabled", "Disabled", "PendingDeletion"], ["Enabled", "Disabled", "PendingDeletion", "PendingImport"]
COLUMNS = [(state, "own") for state in OWN] + [(state, "brought") for state in BROUGHT] + [("Enabled", "default")]


def row(own, brought=None, waiting=OK, default=UNSUPPORTED):
    """`brought` is as `own` unless it says otherwise."""
    return (*own, *(brought or own), waiting, default)


NEVER = (UNSUPPORTED,) * 3
TABLE = {
    **{name: row((OK, DISABLED, STATE), None, STATE, OK) for name in USES if name != "CreateGrant"},
    "CreateGrant": row((OK, DISABLED, STATE), None, STATE),
    **{name: row((OK, OK, OK), None, OK, OK) for name in READS},
    "GetKeyRotationStatus": row((OK, OK, OK), NEVER, UNSUPPORTED, OK),
    **{name: row((OK, OK, OK)) for name in ("PutKeyPolicy", "RevokeGrant", "RetireGrant")},
    "DeleteAlias": row((OK, OK, OK), default=RESERVED),
    **{name: row((OK, OK, STATE)) for name in ("CreateAlias", "TagResource", "UntagResource", "UpdateKeyDescription")},
    "UpdateAlias": row((OK, OK, STATE)),
    **{name: row((OK, OK, STATE), None, STATE) for name in ("EnableKey", "DisableKey")},
    "ScheduleKeyDeletion": row((OK, OK, STATE)),
    "CancelKeyDeletion": row((STATE, STATE, OK), None, STATE),
    **{name: row((OK, DISABLED, STATE), NEVER, UNSUPPORTED)
       for name in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand")},
    **{name: row(NEVER, (OK, OK, STATE)) for name in ("GetParametersForImport", "ImportKeyMaterial")},
    "DeleteImportedKeyMaterial": row(NEVER, (OK, OK, OK)),
}  # fmt: skip


@pytest.fixture(scope="module")
def default_key(s3):
    """The account's default key is made when an object needs it."""
    s3.create_bucket(Bucket="makes-the-default-key")
    s3.put_object(Bucket="makes-the-default-key", Key="k", Body=b"x", ServerSideEncryption="aws:kms")


class Prepared:
    """A CMK in a state, with all that the operations need."""

    def __init__(self, kms, wanted, kind):
        self.kms, self.other = kms, make(kms)["KeyId"]
        self.alias, self.others_alias = alias(), alias()
        kms.create_alias(AliasName=self.others_alias, TargetKeyId=self.other)
        self.grant, self.sent = {"GrantId": "0" * 64}, {"ImportToken": b"x" * 16, "EncryptedKeyMaterial": b"x" * 16}
        self.sent["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
        if kind == "default":
            self.alias = "alias/aws/s3"
            self.made = kms.describe_key(KeyId=self.alias)["KeyMetadata"]
            self.key = self.made["KeyId"]
        else:
            self.made = make(kms, Origin="EXTERNAL") if kind == "brought" else make(kms)
            self.key = self.made["KeyId"]
            kms.create_alias(AliasName=self.alias, TargetKeyId=self.key)
        if kind == "brought":
            self.sent |= material(kms, self.key, bytes(32))
            kms.import_key_material(**self.sent)
            del self.sent["KeyId"]
        self.root = f"arn:aws:iam::{self.made['AWSAccountId']}:root"
        self.blob = kms.encrypt(KeyId=self.key, Plaintext=b"x")["CiphertextBlob"]
        if kind != "default":
            roles = dict(GranteePrincipal=self.root, RetiringPrincipal=self.root)
            self.grant = {"GrantId": kms.create_grant(KeyId=self.key, Operations=["Decrypt"], **roles)["GrantId"]}
        if wanted == "Disabled":
            kms.disable_key(KeyId=self.key)
        if wanted == "PendingDeletion":
            kms.schedule_key_deletion(KeyId=self.key)
        if wanted == "PendingImport":
            kms.delete_imported_key_material(KeyId=self.key)
        assert state(kms, self.key) == wanted

    def call(self, operation):
        kms, key, grant = self.kms, {"KeyId": self.key}, self.grant
        calls = {
            "Encrypt": lambda: kms.encrypt(**key, Plaintext=b"x"),
            "Decrypt": lambda: kms.decrypt(**key, CiphertextBlob=self.blob),
            "GenerateDataKey": lambda: kms.generate_data_key(**key, KeySpec="AES_256"),
            "GenerateDataKeyWithoutPlaintext": lambda: kms.generate_data_key_without_plaintext(**key, NumberOfBytes=5),
            "ReEncrypt": lambda: kms.re_encrypt(CiphertextBlob=self.blob, DestinationKeyId=self.key),
            "CreateGrant": lambda: kms.create_grant(**key, GranteePrincipal=self.root, Operations=["Encrypt"]),
            "DescribeKey": lambda: kms.describe_key(**key),
            "GetKeyPolicy": lambda: kms.get_key_policy(**key, PolicyName="default"),
            "PutKeyPolicy": lambda: kms.put_key_policy(**key, Policy=kms.get_key_policy(**key)["Policy"]),
            "ListAliases": lambda: kms.list_aliases(**key),
            "ListGrants": lambda: kms.list_grants(**key),
            "ListKeyPolicies": lambda: kms.list_key_policies(**key),
            "ListResourceTags": lambda: kms.list_resource_tags(**key),
            "RevokeGrant": lambda: kms.revoke_grant(**key, **grant),
            "RetireGrant": lambda: kms.retire_grant(**key, **grant),
            "DeleteAlias": lambda: kms.delete_alias(AliasName=self.alias),
            "GetKeyRotationStatus": lambda: kms.get_key_rotation_status(**key),
            "CreateAlias": lambda: kms.create_alias(AliasName=alias(), TargetKeyId=self.key),
            "UpdateAlias": lambda: kms.update_alias(AliasName=self.others_alias, TargetKeyId=self.key),
            "TagResource": lambda: kms.tag_resource(**key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
            "UntagResource": lambda: kms.untag_resource(**key, TagKeys=["a"]),
            "UpdateKeyDescription": lambda: kms.update_key_description(**key, Description="new"),
            "EnableKey": lambda: kms.enable_key(**key),
            "DisableKey": lambda: kms.disable_key(**key),
            "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(**key),
            "CancelKeyDeletion": lambda: kms.cancel_key_deletion(**key),
            "EnableKeyRotation": lambda: kms.enable_key_rotation(**key),
            "DisableKeyRotation": lambda: kms.disable_key_rotation(**key),
            "RotateKeyOnDemand": lambda: kms.rotate_key_on_demand(**key),
            "GetParametersForImport": lambda: kms.get_parameters_for_import(**key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
            "ImportKeyMaterial": lambda: kms.import_key_material(**key, **self.sent),
            "DeleteImportedKeyMaterial": lambda: kms.delete_imported_key_material(**key),
            "ListKeyRotations": lambda: kms.list_key_rotations(**key),
        }  # fmt: skip
        return calls[operation]


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=["-".join(column) for column in COLUMNS])
@pytest.mark.parametrize("operation", TABLE)
def test_states_by_operations(kms, default_key, operation, column):
    wanted, kind = COLUMNS[column]
    prepared = Prepared(kms, wanted, kind)
    expected = TABLE[operation][column]
    if expected is OK:
        prepared.call(operation)()
        return
    text = refused(prepared.call(operation), expected)
    arn = prepared.made["Arn"]
    if expected == DISABLED:
        assert text == f"{arn} is disabled."
    elif expected == STATE and operation == "CancelKeyDeletion":
        assert text == f"{arn} is not pending deletion."
    elif expected == STATE:
        assert text == f"{arn} is pending {'deletion' if wanted == 'PendingDeletion' else 'import'}."


# ---- names ----------------------------------------------------------------------------------------------------------


def test_crypto_takes_every_name_and_management_only_id_and_arn(kms):
    made, name = make(kms), alias()
    kms.create_alias(AliasName=name, TargetKeyId=made["KeyId"])
    arn_of_alias = made["Arn"].rsplit(":", 1)[0] + ":" + name
    for key in (made["KeyId"], made["Arn"], name, arn_of_alias):
        sealed = kms.encrypt(KeyId=key, Plaintext=b"x")
        assert sealed["KeyId"] == made["Arn"]
        assert kms.decrypt(KeyId=key, CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == b"x"
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == made["Arn"]
    for key in (name, arn_of_alias):
        for call in (kms.enable_key, kms.disable_key, kms.get_key_policy, kms.list_grants, kms.rotate_key_on_demand):
            refused(call, "NotFoundException", KeyId=key)
    for key in (made["KeyId"], made["Arn"]):
        kms.enable_key(KeyId=key)


def test_an_alias_is_pointed_elsewhere(kms):
    first, second, name = make(kms)["KeyId"], make(kms)["Arn"], alias()
    kms.create_alias(AliasName=name, TargetKeyId=first)
    before = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    kms.update_alias(AliasName=name, TargetKeyId=second)
    assert kms.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == second
    refused(kms.decrypt, "IncorrectKeyException", KeyId=name, CiphertextBlob=before)
    assert kms.decrypt(CiphertextBlob=before)["Plaintext"] == b"x", "what was wrapped names its key itself"
    refused(kms.update_alias, "NotFoundException", AliasName=alias(), TargetKeyId=second)
    refused(kms.update_alias, "NotFoundException", AliasName=name, TargetKeyId=str(uuid.uuid4()))
    kms.delete_alias(AliasName=name)
    refused(kms.encrypt, "NotFoundException", KeyId=name, Plaintext=b"x")


@pytest.mark.parametrize("name", ["plain", "alias/", "alias/aws/x", "alias/x/default", "alias/ü", "alias/" + "x" * 251])
def test_alias_names_that_are_not_allowed(kms, cmk, name):
    refused(kms.create_alias, "InvalidAliasNameException", AliasName=name, TargetKeyId=cmk)


# ---- tags and descriptions ------------------------------------------------------------------------------------------


def test_tags_are_set_replaced_paged_and_taken_off(kms):
    key = make(kms)["KeyId"]
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": f"k{i:02}", "TagValue": f"v{i}"} for i in range(5)])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "k00", "TagValue": "new"}, {"TagKey": "Ä", "TagValue": ""}])
    kms.untag_resource(KeyId=key, TagKeys=["k01", "absent"])
    wanted = {"k00": "new", "k02": "v2", "k03": "v3", "k04": "v4", "Ä": ""}
    seen, more = [], {}
    while True:
        page = kms.list_resource_tags(KeyId=key, Limit=2, **more)
        assert len(page["Tags"]) <= 2
        seen += page["Tags"]
        if not page["Truncated"]:
            break
        more = {"Marker": page["NextMarker"]}
    assert len(seen) == 5 and {tag["TagKey"]: tag["TagValue"] for tag in seen} == wanted
    refused(kms.tag_resource, "LimitExceededException", KeyId=key, Tags=[{"TagKey": f"x{i}", "TagValue": ""} for i in range(46)])
    refused(kms.tag_resource, "TagException", KeyId=key, Tags=[{"TagKey": "aws:x", "TagValue": ""}])
    refused(kms.list_resource_tags, "ValidationException", KeyId=key, Limit=51)
    assert len(kms.list_resource_tags(KeyId=key)["Tags"]) == 5, "what was refused changed nothing"


def test_the_description_is_replaced(kms):
    key = make(kms, Description="before")["KeyId"]
    kms.update_key_description(KeyId=key, Description="after")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "after"
    kms.update_key_description(KeyId=key, Description="")
    refused(kms.update_key_description, "ValidationException", KeyId=key, Description="x" * 8193)
    refused(kms.update_key_description, "ValidationException", KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == ""


# ---- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation, most, members", [
    ("list_keys", 1000, {}),
    ("list_aliases", 100, {}),
    ("list_grants", 100, "key"),
    ("list_resource_tags", 50, "key"),
    ("list_key_rotations", 1000, "key"),
    ("list_key_policies", 1000, "key"),
])  # fmt: skip
def test_pages_have_bounds_and_markers_of_this_server_only(kms, cmk, operation, most, members):
    call, members = getattr(kms, operation), {"KeyId": cmk} if members == "key" else {}
    call(Limit=most, **members)
    for limit in (0, -1, most + 1):
        refused(call, "ValidationException", Limit=limit, **members)
    refused(call, "InvalidMarkerException", Marker="made up!", **members)


# ---- deletion -------------------------------------------------------------------------------------------------------


def test_a_key_that_is_needed_is_deleted_only_by_force(server, kms, s3, bucket):
    key = make(kms)["KeyId"]
    s3.put_object(Bucket=bucket, Key="k", Body=body(1000), ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    text = refused(kms.schedule_key_deletion, "KMSInvalidStateException", KeyId=key)
    assert "1 objects" in text and "ForceDeletion" in text and "1000 bytes" in text
    assert state(kms, key) == "Enabled"
    assert force_deletion(server, key)["KeyState"] == "PendingDeletion"
    refused(s3.get_object, "KMS.KMSInvalidStateException", Bucket=bucket, Key="k")
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    s3.delete_object(Bucket=bucket, Key="k")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert state(kms, key) == "PendingDeletion"


def test_a_bucket_s_default_needs_its_key_too(kms, s3, bucket):
    key = make(kms)["KeyId"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert "1 bucket defaults" in refused(kms.schedule_key_deletion, "KMSInvalidStateException", KeyId=key)
    s3.delete_bucket_encryption(Bucket=bucket)
    kms.schedule_key_deletion(KeyId=key)


# ---- who may --------------------------------------------------------------------------------------------------------

RIGHTS = {
    "create_key": ("kms:CreateKey", {}),
    "describe_key": ("kms:DescribeKey", "key"),
    "list_keys": ("kms:ListKeys", {}),
    "list_aliases": ("kms:ListAliases", {}),
    "enable_key": ("kms:EnableKey", "key"),
    "disable_key": ("kms:DisableKey", "key"),
    "cancel_key_deletion": ("kms:CancelKeyDeletion", "key"),
    "schedule_key_deletion": ("kms:ScheduleKeyDeletion", "key"),
    "update_key_description": ("kms:UpdateKeyDescription", {"Description": "x"}),
    "tag_resource": ("kms:TagResource", {"Tags": []}),
    "untag_resource": ("kms:UntagResource", {"TagKeys": ["x"]}),
    "list_resource_tags": ("kms:ListResourceTags", "key"),
    "get_key_policy": ("kms:GetKeyPolicy", "key"),
    "list_key_policies": ("kms:ListKeyPolicies", "key"),
    "enable_key_rotation": ("kms:EnableKeyRotation", "key"),
    "disable_key_rotation": ("kms:DisableKeyRotation", "key"),
    "get_key_rotation_status": ("kms:GetKeyRotationStatus", "key"),
    "rotate_key_on_demand": ("kms:RotateKeyOnDemand", "key"),
    "list_key_rotations": ("kms:ListKeyRotations", "key"),
    "get_parameters_for_import": (
        "kms:GetParametersForImport", {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
    ),
    "delete_imported_key_material": ("kms:DeleteImportedKeyMaterial", "key"),
    "list_grants": ("kms:ListGrants", "key"),
    "encrypt": ("kms:Encrypt", {"Plaintext": b"x"}),
    "generate_data_key": ("kms:GenerateDataKey", {"KeySpec": "AES_256"}),
    "generate_data_key_without_plaintext": ("kms:GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}),
    "generate_random": ("kms:GenerateRandom", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def people(server):
    """Clients by what their users may do: nothing, reading objects, everything but one action, one action."""
    made = {}

    def person(*statements):
        called = json.dumps(statements)
        if called not in made:
            credentials = identities.make_user(server, f"p-{uuid.uuid4().hex[:12]}", list(statements) or None)
            made[called] = keys.client(server, credentials)
        return made[called]

    return person


@pytest.mark.parametrize("operation", RIGHTS)
def test_each_operation_asks_for_its_own_right(kms, people, operation):
    action, members = RIGHTS[operation]
    external = operation in ("get_parameters_for_import", "delete_imported_key_material")
    of_account = operation in ("create_key", "list_keys", "list_aliases", "generate_random")
    made = {} if of_account else {"KeyId": make(kms, **({"Origin": "EXTERNAL"} if external else {}))["KeyId"]}
    members = {**made, **({} if members in ("key", {}) else members)}
    if operation == "generate_random":
        members["NumberOfBytes"] = 8
    if operation == "cancel_key_deletion":
        kms.schedule_key_deletion(**made)
    absent = {**members, "KeyId": str(uuid.uuid4())}
    wrong = "kms:ListKeys" if action != "kms:ListKeys" else "kms:ListAliases"
    for person in (people(), people(allow("s3:*")), people(allow(wrong))):
        texts = [refused(getattr(person, operation), "AccessDeniedException", **members)]
        if made:
            texts.append(refused(getattr(person, operation), "AccessDeniedException", **absent))
        assert len(set(texts)) == 1, "nobody without the right learns whether a key exists"
    holder = people(allow(action))
    if made:
        refused(getattr(holder, operation), "NotFoundException", **absent)
    getattr(holder, operation)(**members)


def test_a_right_to_one_key_is_none_to_another(server, kms):
    mine, other = make(kms), make(kms)
    credentials = identities.make_user(server, f"p-{uuid.uuid4().hex[:12]}", [allow("kms:Encrypt", mine["Arn"])])
    person = keys.client(server, credentials)
    assert person.encrypt(KeyId=mine["KeyId"], Plaintext=b"x")["KeyId"] == mine["Arn"]
    refused(person.encrypt, "AccessDeniedException", KeyId=other["KeyId"], Plaintext=b"x")
    refused(person.encrypt, "AccessDeniedException", KeyId=str(uuid.uuid4()), Plaintext=b"x")


# ---- the AWS command line -------------------------------------------------------------------------------------------


def test_the_aws_command_line(server, tmp_path):
    def aws(*arguments, **options):
        return json.loads(clients.aws(server, "kms", *arguments, service_control=True, **options).stdout or "null")

    made = aws("create-key", "--description", "by aws", "--tags", "TagKey=team,TagValue=billing")["KeyMetadata"]
    key = made["KeyId"]
    aws("create-alias", "--alias-name", "alias/by-aws", "--target-key-id", key)
    (tmp_path / "plain").write_bytes(b"hello")
    plain = f"fileb://{tmp_path}/plain"
    sealed = aws("encrypt", "--key-id", "alias/by-aws", "--plaintext", plain, "--encryption-context", "a=b")
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    blob = f"fileb://{tmp_path}/sealed"
    opened = aws("decrypt", "--ciphertext-blob", blob, "--encryption-context", "a=b")
    assert base64.b64decode(opened["Plaintext"]) == b"hello" and opened["KeyId"] == made["Arn"]
    aws("enable-key-rotation", "--key-id", key, "--rotation-period-in-days", "180")
    assert aws("get-key-rotation-status", "--key-id", key)["RotationPeriodInDays"] == 180
    assert aws("list-resource-tags", "--key-id", key)["Tags"] == [{"TagKey": "team", "TagValue": "billing"}]
    assert "alias/by-aws" in {entry["AliasName"] for entry in aws("list-aliases")["Aliases"]}
    assert json.loads(aws("get-key-policy", "--key-id", key)["Policy"])["Statement"]
    wrong = clients.aws(server, "kms", "decrypt", "--ciphertext-blob", blob, service_control=True, check=False)
    assert wrong.returncode != 0 and "InvalidCiphertextException" in wrong.stderr


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_tells_of_every_operation_and_of_no_other():
    """The table of docs/kms-api.md has the operations that the code serves."""
    code = (REPOSITORY / "crates/gateway/src/control/kms_json.rs").read_text()
    served = re.findall(r'^ {12}"(\w+)" => self\.', code, re.MULTILINE)
    page = (REPOSITORY / "docs/kms-api.md").read_text().split("\n## Operations\n")[1].split("\n## ")[0]
    told = [name for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(served) and len(served) >= 37


def test_the_page_tells_of_every_error():
    code = (REPOSITORY / "crates/gateway/src/control/kms_json/fault.rs").read_text()
    sent = set(re.findall(r'=> "(\w+Exception)"', code))
    page = (REPOSITORY / "docs/kms-api.md").read_text()
    missing = {name for name in sent if f"`{name}`" not in page}
    assert not missing and len(sent) > 20
