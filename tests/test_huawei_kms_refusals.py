"""What the Huawei KMS API refuses, and with which code: states of keys and values of parameters."""

import hashlib
import uuid

import huaweicloudsdkkms.v2 as kms2
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from harness.huawei import ask
from test_huawei_kms import details, fresh, make_key

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
# operation, its arguments; what an enabled key answers, a disabled one, one pending deletion, one pending import
STATES = [
    ("create_datakey", {}, OK, "KMS.0209", "KMS.0210", "KMS.0308"),
    ("create_datakey_without_plaintext", {}, OK, "KMS.0209", "KMS.0210", "KMS.0308"),
    ("encrypt_data", {"plain_text": "x"}, OK, "KMS.0209", "KMS.0210", "KMS.0308"),
    ("encrypt_datakey", {"plain_text": bytes(1).hex() + hashlib.sha256(bytes(1)).hexdigest(),
                         "datakey_plain_length": "1"}, OK, "KMS.0209", "KMS.0210", "KMS.0308"),
    ("list_key_detail", {}, OK, OK, OK, OK),
    ("list_grants", {}, OK, OK, OK, OK),
    ("enable_key", {}, "KMS.1201", OK, "KMS.0210", "KMS.0308"),
    ("disable_key", {}, OK, "KMS.1301", "KMS.0210", "KMS.0308"),
    ("delete_key", {"pending_days": "7"}, OK, OK, "KMS.1402", OK),
    ("cancel_key_deletion", {}, "KMS.1501", "KMS.1501", OK, "KMS.1501"),
    ("create_grant", {"grantee_principal": "ab" * 16, "operations": ["describe-key"]},
     OK, "KMS.0209", "KMS.0210", "KMS.0308"),
    ("enable_key_rotation", {}, OK, "KMS.0209", "KMS.0210", "KMS.0312"),
    ("disable_key_rotation", {}, "KMS.0313", "KMS.0209", "KMS.0210", "KMS.0312"),
    ("update_key_rotation_interval", {"rotation_interval": 30}, "KMS.0313", "KMS.0209", "KMS.0210", "KMS.0312"),
    ("rotate_on_demand", {}, OK, "KMS.0209", "KMS.0210", "KMS.0312"),
    ("create_parameters_for_import", {"wrapping_algorithm": "RSAES_OAEP_SHA_256"},
     "KMS.0309", "KMS.0309", "KMS.0309", OK),
    ("delete_imported_key_material", {}, "KMS.0309", "KMS.0309", "KMS.0309", "KMS.2701"),
    ("update_key_alias", {"key_alias": "fresh"}, OK, OK, "KMS.0210", OK),
    ("update_key_description", {"key_description": "x"}, OK, OK, "KMS.0210", OK),
]  # fmt: skip


@pytest.mark.parametrize("row", STATES, ids=lambda row: row[0])
def test_states_by_operation(dew, row):
    operation, arguments, *answers = row
    enabled, disabled, pending = make_key(dew), make_key(dew), make_key(dew)
    ask(dew, "disable_key", key_id=disabled)
    ask(dew, "delete_key", key_id=pending, pending_days="7")
    empty = make_key(dew, origin="external")
    for key, answer in zip([enabled, disabled, pending, empty], answers):
        asked = {k: fresh() if v == "fresh" else v for k, v in arguments.items()}
        if answer is OK:
            ask(dew, operation, key_id=key, **asked)
        else:
            refused(answer, dew, operation, key_id=key, **asked)


def test_the_default_key_serves_and_is_left_alone(server, dew, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    [default] = [d for d in ask(dew, "list_keys").key_details if d.default_key_flag == "1"]
    assert (default.key_alias, default.key_spec, default.key_state) == ("obs/default", "AES_256", "2")
    made = ask(dew, "create_datakey", key_id="alias/obs/default")
    assert made.key_id == default.key_id
    for operation, arguments in [
        ("enable_key", {}), ("disable_key", {}), ("delete_key", {"pending_days": "7"}), ("cancel_key_deletion", {}),
        ("create_grant", {"grantee_principal": "ab" * 16, "operations": ["describe-key"]}),
        ("enable_key_rotation", {}), ("rotate_on_demand", {}),
        ("create_parameters_for_import", {"wrapping_algorithm": "RSAES_OAEP_SHA_256"}),
        ("delete_imported_key_material", {}), ("update_key_alias", {"key_alias": fresh()}),
        ("create_alias", {"alias": fresh()}),
    ]:  # fmt: skip
        refused("KMS.0211", dew, operation, key_id=default.key_id, **arguments)


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
    assert ask(dew, "show_kms_tags", path={"key_id": key}).exist_tags_num == 0
