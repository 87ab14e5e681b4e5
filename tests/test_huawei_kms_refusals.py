"""What the Huawei KMS API refuses, and with which code: states of keys and values of parameters."""

import hashlib
import uuid

import huaweicloudsdkkms.v2 as kms2
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from harness.huawei import ask
from test_huawei_kms import details, fresh, make_key, wrapped_for

ABSENT = "0d0466b0-e727-4d9c-b35d-f84bb474a37f"


def refused(code, client, operation, status=400, **asked):
    with pytest.raises(ClientRequestException) as error:
        ask(client, operation, **asked)
    assert (error.value.status_code, error.value.error_code) == (status, code), (operation, error.value)
    assert error.value.request_id and error.value.error_msg
    return error.value.error_msg


@pytest.fixture(scope="module")
def key(dew):
    return make_key(dew)


# ---- states (kms-iam-api §1.6) --------------------------------------------------------------------------------------

OK = None
# What a key with material of the provider answers when it is enabled, disabled, pending deletion; one with material that was
# brought in the same states and when it is pending import; the default key.
COLUMNS = [(state, "own") for state in ("2", "3", "4")] + [(state, "brought") for state in "2345"] + [("2", "default")]


def row(own, brought=None, waiting=OK, default="KMS.0211"):
    """`brought` is as `own` unless it says otherwise."""
    return (*own, *(brought or own), waiting, default)


USE = row((OK, "KMS.0209", "KMS.0210"), None, "KMS.0308", OK)
READ = row((OK, OK, OK), default=OK)
NAME = row((OK, OK, "KMS.0210"))
NEVER = ("KMS.0312",) * 3
NOT_EXTERNAL = ("KMS.0309",) * 3
STATES = {
    **{name: USE for name in ("create_datakey", "create_datakey_without_plaintext", "encrypt_data", "encrypt_datakey",
                              "decrypt_data", "decrypt_datakey", "re_encrypt")},
    **{name: READ for name in ("list_key_detail", "list_grants", "list_aliases", "show_kms_tags")},
    "show_key_rotation_status": row((OK, OK, OK), NEVER, "KMS.0312", OK),
    "enable_key": row(("KMS.1201", OK, "KMS.0210"), None, "KMS.0308"),
    "disable_key": row((OK, "KMS.1301", "KMS.0210"), None, "KMS.0308"),
    "delete_key": row((OK, OK, "KMS.1402")),
    "cancel_key_deletion": row(("KMS.1501", "KMS.1501", OK), None, "KMS.1501"),
    "create_grant": row((OK, "KMS.0209", "KMS.0210"), None, "KMS.0308"),
    **{name: row((OK, OK, OK)) for name in ("cancel_grant", "cancel_self_grant")},
    **{name: row((OK, "KMS.0209", "KMS.0210"), NEVER, "KMS.0312") for name in ("enable_key_rotation", "rotate_on_demand")},
    **{name: row(("KMS.0313", "KMS.0209", "KMS.0210"), NEVER, "KMS.0312")
       for name in ("disable_key_rotation", "update_key_rotation_interval")},
    "create_parameters_for_import": row(NOT_EXTERNAL, (OK, OK, "KMS.0210")),
    "import_key_material": row(NOT_EXTERNAL, ("KMS.0310", "KMS.0310", "KMS.0210")),
    "delete_imported_key_material": row(NOT_EXTERNAL, (OK, OK, "KMS.2701"), "KMS.2701"),
    **{name: NAME for name in ("update_key_alias", "update_key_description", "create_alias", "associate_alias",
                               "create_kms_tag", "batch_create_kms_tags", "delete_tag")},
    "delete_alias": row((OK, OK, OK), default="KMS.1101"),
}  # fmt: skip


class Prepared:
    """A key in a state, with all that the operations need."""

    def __init__(self, dew, state, kind):
        self.other_alias, self.alias = fresh(), fresh()
        make_key(dew, key_alias=self.other_alias)
        self.grant, self.sent = "ab" * 32, {"import_token": "AAAA" * 60, "encrypted_key_material": "AAAA" * 86}
        if kind == "default":
            self.alias, self.key = "obs/default", ask(dew, "create_datakey", key_id="alias/obs/default").key_id
        else:
            self.key = make_key(dew, key_alias=self.alias, origin="external" if kind == "brought" else "kms")
        if kind == "brought":
            self.sent = wrapped_for(dew, self.key, bytes(32))
            ask(dew, "import_key_material", key_id=self.key, **self.sent)
        self.datakey = ask(dew, "create_datakey", key_id=self.key).cipher_text
        self.sealed = ask(dew, "encrypt_data", key_id=self.key, plain_text="text").cipher_text
        if kind != "default":
            roles = {"grantee_principal": "ab" * 16, "operations": ["describe-key"]}
            self.grant = ask(dew, "create_grant", key_id=self.key, **roles).grant_id
        if state == "3":
            ask(dew, "disable_key", key_id=self.key)
        if state == "4":
            ask(dew, "delete_key", key_id=self.key, pending_days="7")
        if state == "5":
            ask(dew, "delete_imported_key_material", key_id=self.key)
        assert details(dew, self.key).key_state == state

    def arguments(self, operation):
        """Of the request, key id and all."""
        key, tag = {"key_id": self.key}, kms2.TagItem(key="a", value="b")
        digest = hashlib.sha256(bytes(1)).hexdigest()
        return {
            "encrypt_data": {**key, "plain_text": "x"},
            "encrypt_datakey": {**key, "plain_text": bytes(1).hex() + digest, "datakey_plain_length": "1"},
            "decrypt_data": {"cipher_text": self.sealed},
            "decrypt_datakey": {**key, "cipher_text": self.datakey, "datakey_cipher_length": "32"},
            "re_encrypt": {"cipher_text": self.sealed, "destination_key_id": self.key},
            "list_aliases": {"path": key},
            "show_kms_tags": {"path": key},
            "delete_key": {**key, "pending_days": "7"},
            "create_grant": {**key, "grantee_principal": "cd" * 16, "operations": ["describe-key"]},
            "cancel_grant": {**key, "grant_id": self.grant},
            "cancel_self_grant": {**key, "grant_id": self.grant},
            "update_key_rotation_interval": {**key, "rotation_interval": 30},
            "create_parameters_for_import": {**key, "wrapping_algorithm": "RSAES_OAEP_SHA_256"},
            "import_key_material": {**key, **self.sent},
            "update_key_alias": {**key, "key_alias": fresh()},
            "update_key_description": {**key, "key_description": "x"},
            "create_alias": {**key, "alias": fresh()},
            "associate_alias": {"alias": self.other_alias, "target_key_id": self.key},
            "delete_alias": {**key, "aliases": [self.alias]},
            "create_kms_tag": {"path": key, "tag": tag},
            "batch_create_kms_tags": {"path": key, "tags": [tag], "action": "create"},
            "delete_tag": {"path": {**key, "key": "a"}},
        }.get(operation, key)  # fmt: skip


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=["-".join(column) for column in COLUMNS])
@pytest.mark.parametrize("operation", STATES)
def test_states_by_operation(dew, operation, column):
    prepared, answer = Prepared(dew, *COLUMNS[column]), STATES[operation][column]
    if answer is OK:
        ask(dew, operation, **prepared.arguments(operation))
    else:
        refused(answer, dew, operation, **prepared.arguments(operation))


def test_the_default_key_serves_and_is_left_alone(server, dew, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    [default] = [d for d in ask(dew, "list_keys").key_details if d.default_key_flag == "1"]
    assert (default.key_alias, default.key_spec, default.key_state) == ("obs/default", "AES_256", "2")
    made = ask(dew, "create_datakey", key_id="alias/obs/default")
    assert made.key_id == default.key_id


def test_disabled_and_pending_keys_open_nothing(dew):
    key = make_key(dew)
    made = ask(dew, "create_datakey", key_id=key)
    sealed = ask(dew, "encrypt_data", key_id=key, plain_text="text").cipher_text
    open_it = {"key_id": key, "cipher_text": made.cipher_text, "datakey_cipher_length": "32"}
    for change, arguments, code in [
        ("disable_key", {}, "KMS.0209"), ("delete_key", {"pending_days": "7"}, "KMS.0210")
    ]:  # fmt: skip
        ask(dew, change, key_id=key, **arguments)
        refused(code, dew, "decrypt_datakey", **open_it)
        refused(code, dew, "decrypt_data", cipher_text=sealed)
    ask(dew, "cancel_key_deletion", key_id=key)
    ask(dew, "enable_key", key_id=key)
    assert ask(dew, "decrypt_datakey", **open_it).data_key == made.plain_text
    assert ask(dew, "decrypt_data", cipher_text=sealed).plain_text == "text"


def test_rotation_that_is_on_is_said_and_stays_as_it_is(dew):
    key = make_key(dew)
    ask(dew, "enable_key_rotation", key_id=key)
    ask(dew, "update_key_rotation_interval", key_id=key, rotation_interval=90)
    refused("KMS.2901", dew, "enable_key_rotation", key_id=key)
    status = ask(dew, "show_key_rotation_status", key_id=key)
    assert (status.key_rotation_enabled, status.rotation_interval) == (True, 90)
    for days in (29, 366):
        refused("KMS.3001", dew, "update_key_rotation_interval", key_id=key, rotation_interval=days)


def test_a_key_that_objects_need_is_not_deleted(server, dew, s3, bucket):
    key = make_key(dew)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    text = refused("KMS.0308", dew, "delete_key", key_id=key, pending_days="7")
    assert "1 objects" in text and "--force" in text and details(dew, key).key_state == "2"
    s3.delete_object(Bucket=bucket, Key="k")
    assert ask(dew, "delete_key", key_id=key, pending_days="7").key_state == "4"


# ---- values ---------------------------------------------------------------------------------------------------------

BAD = [
    ("create_key", {}, "KMS.0204"),
    ("create_key", {"key_alias": "with space"}, "KMS.1101"),
    ("create_key", {"key_alias": "a" * 256}, "KMS.1101"),
    ("create_key", {"key_alias": "mine/default"}, "KMS.1101"),
    ("create_key", {"key_alias": "a", "key_spec": "RSA_2048"}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "key_usage": "SIGN_VERIFY"}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "origin": "hsm"}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "keystore_id": "no-such-store"}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "keystore_id": "../x"}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "key_description": "x" * 256}, "KMS.1103"),
    ("create_key", {"key_alias": "a", "enterprise_project_id": str(uuid.uuid4())}, "KMS.0308"),
    ("create_key", {"key_alias": "a", "sequence": "1"}, "KMS.0206"),
    ("list_key_detail", {"key_id": "x"}, "KMS.0205"),
    ("list_key_detail", {"key_id": ABSENT.upper()}, "KMS.0205"),
    ("enable_key", {"key_id": "alias/x"}, "KMS.0205"),
    ("list_keys", {"limit": "0"}, "KMS.1601"),
    ("list_keys", {"limit": "1001"}, "KMS.1601"),
    ("list_keys", {"limit": "ten"}, "KMS.1601"),
    ("list_keys", {"marker": "-1"}, "KMS.1602"),
    ("list_keys", {"key_state": "9"}, "KMS.0308"),
    ("list_keys", {"key_spec": "DES"}, "KMS.0308"),
    ("delete_key", {"key_id": "{key}", "pending_days": "6"}, "KMS.1401"),
    ("delete_key", {"key_id": "{key}", "pending_days": "1097"}, "KMS.1401"),
    ("delete_key", {"key_id": "{key}", "pending_days": "soon"}, "KMS.1401"),
    ("create_random", {"random_data_length": "0"}, "KMS.1801"),
    ("create_random", {"random_data_length": "12"}, "KMS.1801"),
    ("create_random", {"random_data_length": "8200"}, "KMS.1801"),
    ("create_datakey", {"key_id": "{key}", "datakey_length": "0"}, "KMS.1901"),
    ("create_datakey", {"key_id": "{key}", "datakey_length": "8200"}, "KMS.1901"),
    ("create_datakey", {"key_id": "{key}", "key_spec": "DES"}, "KMS.1903"),
    ("create_datakey", {"key_id": "{key}", "pin": "1234"}, "KMS.0308"),
    ("create_datakey", {"key_id": "{key}", "additional_authenticated_data": "x" * 129}, "KMS.0208"),
    ("encrypt_data", {"key_id": "{key}", "plain_text": ""}, "KMS.0204"),
    ("encrypt_data", {"key_id": "{key}", "plain_text": "é" * 2049}, "KMS.0308"),
    ("encrypt_data", {"key_id": "{key}", "plain_text": "x", "encryption_algorithm": "SM2_ENCRYPT"}, "KMS.0308"),
    ("decrypt_data", {"cipher_text": "AAAA"}, "KMS.0308"),
    ("decrypt_datakey", {"key_id": "{key}", "cipher_text": "0g", "datakey_cipher_length": "32"}, "KMS.2201"),
    ("encrypt_datakey", {"key_id": "{key}", "plain_text": "xy", "datakey_plain_length": "1"}, "KMS.2101"),
    ("encrypt_datakey", {"key_id": "{key}", "plain_text": "00" * 32, "datakey_plain_length": "1"}, "KMS.2102"),
    ("encrypt_datakey", {"key_id": "{key}", "plain_text": "00" * 33, "datakey_plain_length": "2"}, "KMS.2104"),
    ("encrypt_datakey", {"key_id": "{key}", "plain_text": "00" * 33, "datakey_plain_length": "1"}, "KMS.2103"),
    ("create_parameters_for_import", {"key_id": "{key}", "wrapping_algorithm": "SM2_ENCRYPT"}, "KMS.0308"),
    ("create_grant", {"key_id": "{key}", "grantee_principal": "ab" * 16, "operations": ["create-grant"]}, "KMS.2401"),
    ("create_grant", {"key_id": "{key}", "grantee_principal": "ab" * 16, "operations": ["enable-key"]}, "KMS.0308"),
    ("create_grant", {"key_id": "{key}", "grantee_principal": "ab" * 16, "operations": []}, "KMS.0204"),
    ("create_grant", {"key_id": "{key}", "grantee_principal": "alice", "operations": ["describe-key"]}, "KMS.2402"),
    ("cancel_grant", {"key_id": "{key}", "grant_id": "ab" * 32}, "KMS.2501"),
    ("cancel_self_grant", {"key_id": "{key}", "grant_id": "x"}, "KMS.2501"),
    ("create_alias", {"key_id": "{key}", "alias": "with space"}, "KMS.1101"),
    ("create_alias", {"key_id": "{key}", "alias": "x/default"}, "KMS.1101"),
    ("delete_alias", {"aliases": []}, "KMS.0308"),
]  # fmt: skip


@pytest.mark.parametrize("row", BAD, ids=lambda row: f"{row[0]}-{row[2]}")
def test_values_that_are_refused(dew, key, row):
    operation, arguments, code = row
    refused(code, dew, operation, **{k: v.format(key=key) if v == "{key}" else v for k, v in arguments.items()})


@pytest.mark.parametrize("operation, arguments", [
    ("list_key_detail", {}), ("enable_key", {}), ("create_datakey", {}), ("delete_key", {"pending_days": "7"}),
    ("list_grants", {}), ("rotate_on_demand", {}), ("encrypt_data", {"plain_text": "x"}),
])  # fmt: skip
def test_keys_that_are_not_there(dew, operation, arguments):
    for absent in (ABSENT, "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"):
        refused("KMS.0207", dew, operation, status=404, key_id=absent, **arguments)


def test_names_are_given_once(dew, key):
    taken = details(dew, key).key_alias
    refused("KMS.1104", dew, "create_key", key_alias=taken)
    other = make_key(dew)
    refused("KMS.1104", dew, "create_alias", key_id=other, alias=taken)
    refused("KMS.1104", dew, "update_key_alias", key_id=other, key_alias=taken)
    refused("KMS.0308", dew, "delete_alias", aliases=[taken], key_id=other)
    refused("KMS.0207", dew, "delete_alias", status=404, aliases=[fresh()])
    assert details(dew, f"alias/{taken}").key_id == key


def test_tags_that_are_refused(dew, key):
    def tag(key, value=""):
        return kms2.TagItem(key=key, value=value)

    for wrong, code in [
        (tag("k" * 37), "KMS.0411"), (tag("k", "v" * 44), "KMS.0410"), (tag("a*"), "KMS.0406"),
        (tag("k", "a=b"), "KMS.0405"), (tag("aws:x"), "KMS.0406"),
    ]:  # fmt: skip
        refused(code, dew, "create_kms_tag", path={"key_id": key}, tag=wrong)
    twice = [tag("a"), tag("a", "b")]
    refused("KMS.0407", dew, "batch_create_kms_tags", path={"key_id": key}, tags=twice, action="create")
    refused("KMS.0404", dew, "batch_create_kms_tags", path={"key_id": key}, tags=[tag("a")], action="replace")
    refused("KMS.0207", dew, "show_kms_tags", status=404, path={"key_id": ABSENT})
    path = {"resource_instances": "resource_instances"}
    refused("KMS.0404", dew, "list_kms_by_tags", path=path, action="delete")
    refused("KMS.1603", dew, "list_kms_by_tags", path=path, action="count", offset="1")
    refused("KMS.0403", dew, "list_kms_by_tags", path=path, action="filter", matches=[tag("owner", "x")])
    refused("KMS.0402", dew, "list_kms_by_tags", path=path, action="filter", matches=[tag("resource_name", "x" * 256)])
    full = make_key(dew)
    ask(dew, "batch_create_kms_tags", path={"key_id": full}, tags=[tag(f"k{n}") for n in range(50)], action="create")
    refused("KMS.0409", dew, "create_kms_tag", path={"key_id": full}, tag=tag("one-more"))
    ask(dew, "create_kms_tag", path={"key_id": full}, tag=tag("k0", "other value"))
    assert ask(dew, "show_kms_tags", path={"key_id": key}).exist_tags_num == 0
