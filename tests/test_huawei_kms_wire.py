"""What the Huawei KMS API does with wrong data, and requests that cannot be read or are not offered."""

import base64
import hashlib
import uuid

import huaweicloudsdkkms.v2 as kms2
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException

from harness import huawei
from harness.huawei import ask
from test_huawei_kms import AAD, details, make_key, sm3, wrapped_for
from test_huawei_kms_refusals import ABSENT, refused


@pytest.fixture(scope="module")
def key(dew):
    return make_key(dew)


@pytest.fixture(scope="module")
def raw(server):
    """A request by hand, signed by the root identity, for what the SDK would not send."""
    root = (server.access_key, server.secret_key)
    project = huawei.call(server, "GET", "/v3/projects", keys=root).json()["projects"][0]["id"]

    def send(operation, body, method="POST"):
        return huawei.call(server, method, f"/v1.0/{project}/kms/{operation}", body, keys=root)

    return send


def told(reply):
    document = reply.json()
    return reply.status_code, document.get("error", document)["error_code"]


# ---- wrong data -----------------------------------------------------------------------------------------------------


def test_wrong_additional_data_and_changed_ciphertexts(dew, key):
    made = ask(dew, "create_datakey", key_id=key, additional_authenticated_data=AAD)
    sealed = ask(dew, "encrypt_data", key_id=key, plain_text="text", additional_authenticated_data=AAD).cipher_text
    opened = {"key_id": key, "cipher_text": made.cipher_text, "datakey_cipher_length": "32"}
    for aad in (None, "tenant=8", AAD + " ", AAD.upper()):
        refused("KMS.2201", dew, "decrypt_datakey", **opened, additional_authenticated_data=aad)
        refused("KMS.0308", dew, "decrypt_data", cipher_text=sealed, additional_authenticated_data=aad)
        refused("KMS.0308", dew, "re_encrypt", cipher_text=sealed, destination_key_id=key,
                source_additional_authenticated_data=aad)  # fmt: skip
    # Every part: header, the version it names, salt, ciphertext, tag.
    for at in (0, 2, 3, 23, 30, len(made.cipher_text) // 2 - 1):
        changed = bytearray(bytes.fromhex(made.cipher_text))
        changed[at] ^= 1
        refused("KMS.2201", dew, "decrypt_datakey", **{
            **opened, "cipher_text": changed.hex(), "additional_authenticated_data": AAD})  # fmt: skip
    raw = bytearray(base64.b64decode(sealed))
    raw[-1] ^= 1
    changed = base64.b64encode(raw).decode()
    refused("KMS.0308", dew, "decrypt_data", cipher_text=changed, additional_authenticated_data=AAD)
    other = make_key(dew)
    refused("KMS.2201", dew, "decrypt_datakey", **{**opened, "key_id": other, "additional_authenticated_data": AAD})
    refused("KMS.2204", dew, "decrypt_datakey", **{
        **opened, "datakey_cipher_length": "64", "additional_authenticated_data": AAD})  # fmt: skip


def test_digests_of_the_other_kind(dew, key):
    plain = bytes(16)
    sm4 = make_key(dew, key_spec="SM4")
    for cmk, digest in [(key, sm3(plain)), (sm4, hashlib.sha256(plain).digest())]:
        text = (plain + digest).hex()
        refused("KMS.2103", dew, "encrypt_datakey", key_id=cmk, plain_text=text, datakey_plain_length="16")


def test_older_contexts(raw, key):
    body = {"key_id": key, "encryption_context": {"b": "2", "a": "1"}}
    made = raw("create-datakey", body).json()
    opened = {"key_id": key, "cipher_text": made["cipher_text"], "datakey_cipher_length": 32}
    same = raw("decrypt-datakey", opened | {"encryption_context": {"a": "1", "b": "2"}})
    assert same.status_code == 200 and same.json()["data_key"] == made["plain_text"], same.text
    for other in (
        {}, {"encryption_context": {"a": "1"}}, {"encryption_context": {"a": "1", "b": "2", "c": ""}},
        {"additional_authenticated_data": '{"a":"1","b":"2"}'},
    ):  # fmt: skip
        assert told(raw("decrypt-datakey", opened | other)) == (400, "KMS.2201"), other
    for wrong in (
        {"encryption_context": {"a": 1}}, {"encryption_context": "a"}, {"encryption_context": {"a": "x" * 8192}},
        {"encryption_context": {"a": "1"}, "additional_authenticated_data": "a"},
    ):  # fmt: skip
        assert told(raw("create-datakey", {"key_id": key} | wrong)) == (400, "KMS.0208"), wrong


def test_material_that_is_refused(server, dew):
    key, other = make_key(dew, origin="external"), make_key(dew, origin="external")
    good = wrapped_for(dew, key, bytes(32))
    refused("KMS.2605", dew, "import_key_material", key_id=other, **good)
    refused("KMS.2605", dew, "import_key_material", **{"key_id": key, **good, "import_token": "A" * 400})
    refused("KMS.0311", dew, "import_key_material", **{"key_id": key, **good, "encrypted_key_material": "A" * 344})
    refused("KMS.2602", dew, "import_key_material", key_id=key, expiration_time=1, **good)
    refused("KMS.2604", dew, "import_key_material", key_id=key, **wrapped_for(dew, key, bytes(16)))
    assert details(dew, key).key_state == "5"
    ask(dew, "import_key_material", key_id=key, **good)
    ask(dew, "delete_imported_key_material", key_id=key)
    refused("KMS.2606", dew, "import_key_material", key_id=key, **wrapped_for(dew, key, bytes(31) + b"1"))
    refused("KMS.0312", dew, "enable_key_rotation", key_id=key)
    own = make_key(dew)
    refused("KMS.0309", dew, "import_key_material", key_id=own, **good)


# ---- requests -------------------------------------------------------------------------------------------------------


def test_requests_that_cannot_be_read(server, raw, key):
    assert told(raw("create-key", b"{")) == (400, "KMS.0202")
    assert told(raw("create-key", b"[]")) == (400, "KMS.0202")
    assert told(raw("create-key", b'{"key_alias":"a","key_alias":"b"}')) == (400, "KMS.0202")
    assert told(raw("describe-key", {"key_id": 7})) == (400, "KMS.0308")
    assert told(raw("describe-key", {"key_id": key, "sequence": 7})) == (400, "KMS.0206")
    assert told(raw("describe-key", {}, method="GET")) == (405, "KMS.0215")
    assert told(raw("describe-keys", {})) == (404, "APIGW.0101")
    reply = raw("describe-keys", {})
    assert reply.headers["X-Request-Id"] == reply.json()["request_id"]
    long = raw("encrypt-data", {"key_id": key, "plain_text": "x" * 4_000_000})
    assert told(long) == (413, "APIGW.0201")


def test_numbers_come_as_numbers_too(raw, key):
    made = raw("create-datakey", {"key_id": key, "datakey_length": 512})
    assert made.status_code == 200 and len(made.json()["plain_text"]) == 128
    listed = raw("list-keys", {"limit": 1, "marker": 0, "key_state": 2})
    assert listed.status_code == 200 and len(listed.json()["keys"]) == 1
    assert raw("gen-random", {"random_data_length": 16}).status_code == 200


NOT_OFFERED = [
    ("show_public_key", {"key_id": ABSENT}),
    ("sign", {"key_id": ABSENT, "message": "eA==", "signing_algorithm": "RSASSA_PSS_SHA_256"}),
    ("validate_signature", {"key_id": ABSENT, "message": "eA==", "signature": "eA==",
                            "signing_algorithm": "RSASSA_PSS_SHA_256"}),
    ("generate_mac", {"key_id": ABSENT, "mac_algorithm": "HMAC_SHA_256", "message": "eA=="}),
    ("verify_mac", {"key_id": ABSENT, "mac_algorithm": "HMAC_SHA_256", "message": "eA==", "mac": "eA=="}),
    ("create_rsa_datakey_pair", {"key_id": ABSENT, "key_spec": "RSA_2048"}),
    ("create_ec_datakey_pair", {"key_id": ABSENT, "key_spec": "EC_P256"}),
    ("list_key_stores", {}),
    ("show_key_store", {"path": {"keystore_id": "1"}}),
    ("list_support_regions", {}),
    ("list_key_policy", {}),
    ("list_access_point", {}),
]  # fmt: skip


@pytest.mark.parametrize("operation, arguments", NOT_OFFERED, ids=lambda value: value if isinstance(value, str) else "")
def test_operations_that_are_not_offered_say_so(dew, operation, arguments):
    assert "not offered" in refused("KMS.0201", dew, operation, **arguments)


def test_every_operation_of_the_sdk_has_a_route(dew):
    """Each answers, or says that it is not offered; none is unknown."""
    skipped = {"new_builder", "build", "do_http_request"}
    operations = [name for name in dir(kms2.KmsClient) if not name.startswith("_") and not name.endswith("_invoker")]
    asked = 0
    for name in operations:
        kind = getattr(kms2, "".join(w.capitalize() for w in name.split("_")) + "Request", None)
        if kind is None or name in skipped:
            continue
        path = {n: "x" for n in kind.openapi_types if n != "body"} if kind.openapi_types else {}
        if name == "list_kms_by_tags":
            path = {"resource_instances": "resource_instances"}
        if name == "show_version":
            path = {"version_id": "v1.0"}
        asked += 1
        try:
            ask(dew, name, path=path)
        except ClientRequestException as error:
            assert error.error_code not in ("APIGW.0101", "KMS.0215"), (name, error)
        except SdkException as error:
            pytest.fail(f"{name}: {error}")
    assert asked >= 60


def test_secrets_are_not_in_the_log(server, dew, key):
    plain = uuid.uuid4().hex
    made = ask(dew, "create_datakey", key_id=key, datakey_length="256")
    ask(dew, "encrypt_data", key_id=key, plain_text=plain, additional_authenticated_data="secret-tenant-name")
    log = server.log()
    assert plain not in log and made.plain_text not in log and made.plain_text.lower() not in log
    assert server.secret_key not in log
