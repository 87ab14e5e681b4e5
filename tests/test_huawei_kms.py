"""The Huawei KMS API on the control address, through huaweicloudsdkkms over TLS: every operation as it should go. Refusals
are in test_huawei_kms_refusals.py, rights and projects in test_huawei_kms_rights.py."""

import base64
import hashlib
import time
import uuid

import huaweicloudsdkkms.v2 as kms2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness import secrets
from harness.huawei import ask
from harness.server import REGION

AAD = "tenant=7"


def fresh(prefix="k"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def make_key(client, **more):
    return ask(client, "create_key", **({"key_alias": fresh()} | more)).key_info.key_id


def details(client, key):
    return ask(client, "list_key_detail", key_id=key).key_info


@pytest.fixture(scope="module")
def key(dew):
    return make_key(dew)


@pytest.fixture(scope="module")
def sm4(dew):
    return make_key(dew, key_spec="SM4")


@pytest.fixture(params=["AES_256", "SM4"])
def either(request, key, sm4):
    """A key of each spec, and the digest of data keys that belongs to it."""
    sha256 = lambda data: hashlib.sha256(data).digest()  # noqa: E731
    return (key, sha256) if request.param == "AES_256" else (sm4, sm3)


def sm3(data):
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


# ---- making, describing, listing ------------------------------------------------------------------------------------


def test_create_and_describe(server, dew):
    before = int(time.time() * 1000) - 5000
    alias = fresh()
    made = ask(dew, "create_key", key_alias=alias, key_description="for invoices", sequence=str(uuid.uuid4())).key_info
    assert uuid.UUID(made.key_id) and len(made.domain_id) == 32 and made.region_id == REGION
    found = details(dew, made.key_id)
    assert before <= int(found.creation_date) <= before + 60_000
    expected = {
        "key_id": made.key_id, "domain_id": made.domain_id, "key_alias": alias, "realm": REGION, "key_spec": "AES_256",
        "key_usage": "ENCRYPT_DECRYPT", "key_description": "for invoices", "scheduled_deletion_date": "",
        "key_state": "2", "default_key_flag": "0", "key_type": "1", "expiration_time": "", "origin": "kms",
        "key_rotation_enabled": "false", "sys_enterprise_project_id": "0", "keystore_id": "0",
    }  # fmt: skip
    assert {k: getattr(found, k) for k in expected} == expected
    assert details(dew, f"alias/{alias}").key_id == made.key_id


def test_both_specs_and_origins_and_the_key_stores_of_providers(dew):
    assert details(dew, make_key(dew, key_spec="SM4")).key_spec == "SM4"
    external = details(dew, make_key(dew, origin="external", key_usage="ENCRYPT_DECRYPT", keystore_id="0"))
    assert (external.origin, external.key_state) == ("external", "5")
    # A provider goes by its name; the default one's is 0.
    assert details(dew, make_key(dew, keystore_id="embedded")).keystore_id == "0"


def test_list_keys_in_pages_and_by_filter(dew, key, sm4):
    disabled = make_key(dew)
    ask(dew, "disable_key", key_id=disabled)
    everything = ask(dew, "list_keys", key_spec="ALL")
    assert {key, sm4, disabled} <= set(everything.keys)
    assert everything.truncated == "false" and everything.next_marker == "" and everything.total == len(everything.keys)
    assert [entry.key_id for entry in everything.key_details] == everything.keys
    paged, marker = [], None
    while True:
        page = ask(dew, "list_keys", limit="2", marker=marker, key_spec="ALL")
        assert 1 <= len(page.keys) <= 2 and page.total == everything.total
        paged += page.keys
        if page.truncated == "false":
            break
        marker = page.next_marker
    assert paged == everything.keys
    of = lambda **filters: set(ask(dew, "list_keys", **filters).keys)  # noqa: E731
    assert sm4 not in of() and key in of(), "keys of AES, unless others are asked for"
    assert of(key_spec="SM4") >= {sm4} and key not in of(key_spec="SM4")
    assert disabled in of(key_state="3") and key not in of(key_state="3")
    assert of(key_spec="RSA_2048") == set()
    assert of(limit="1000", marker="5000") == set()


# ---- life -----------------------------------------------------------------------------------------------------------


def test_disable_enable_and_deletion(dew):
    made = make_key(dew)
    answer = ask(dew, "disable_key", key_id=made).key_info
    assert (answer.key_id, answer.key_state, details(dew, made).key_state) == (made, "3", "3")
    answer = ask(dew, "enable_key", key_id=made).key_info
    assert (answer.key_state, details(dew, made).key_state) == ("2", "2")
    answer = ask(dew, "delete_key", key_id=made, pending_days="7")
    found = details(dew, made)
    assert (answer.key_id, answer.key_state, found.key_state) == (made, "4", "4")
    days = (int(found.scheduled_deletion_date) / 1000 - time.time()) / 86400
    assert 6.9 < days < 7.1
    answer = ask(dew, "cancel_key_deletion", key_id=made)
    assert (answer.key_state, details(dew, made).key_state) == ("3", "3"), "disabled, and for its owner to enable"
    assert details(dew, made).scheduled_deletion_date == ""


def test_name_and_description(dew):
    made = make_key(dew)
    name = fresh("renamed")
    assert ask(dew, "update_key_alias", key_id=made, key_alias=name).key_info.key_alias == name
    answer = ask(dew, "update_key_description", key_id=made, key_description="für Rechnungen").key_info
    assert answer.key_description == "für Rechnungen"
    found = details(dew, made)
    assert (found.key_alias, found.key_description) == (name, "für Rechnungen")
    ask(dew, "update_key_description", key_id=made, key_description="")
    assert details(dew, made).key_description == ""


# ---- data keys and data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 512, 8192])
def test_random_data(dew, bits):
    draws = {ask(dew, "create_random", random_data_length=str(bits)).random_data for _ in range(3)}
    assert {len(bytes.fromhex(draw)) for draw in draws} == {bits // 8}
    assert bits == 8 or len(draws) == 3


@pytest.mark.parametrize("aad", [None, AAD], ids=["plain", "aad"])
def test_data_keys(dew, either, aad):
    key, digest = either
    made = ask(dew, "create_datakey", key_id=key, datakey_length="512", additional_authenticated_data=aad)
    plain = bytes.fromhex(made.plain_text)
    assert made.key_id == key and len(plain) == 64
    opened = ask(
        dew, "decrypt_datakey", key_id=key, cipher_text=made.cipher_text, datakey_cipher_length="64",
        additional_authenticated_data=aad,
    )  # fmt: skip
    assert (bytes.fromhex(opened.data_key), opened.datakey_length) == (plain, "64")
    assert bytes.fromhex(opened.datakey_dgst) == digest(plain)


def test_data_keys_without_plaintext_and_of_every_length(dew, key):
    made = ask(dew, "create_datakey_without_plaintext", key_id=key)
    assert not hasattr(made, "plain_text")
    opened = ask(
        dew, "decrypt_datakey", key_id=key, cipher_text=made.cipher_text.lower(), datakey_cipher_length="32"
    )
    assert len(bytes.fromhex(opened.data_key)) == 32
    for asked, length in [
        ({}, 32), ({"key_spec": "AES_128"}, 16), ({"key_spec": "AES_256"}, 32), ({"key_spec": "SM4"}, 16),
        ({"key_spec": "HMAC_512"}, 64), ({"datakey_length": "8"}, 1), ({"datakey_length": "8192"}, 1024),
        ({"key_spec": "AES_128", "datakey_length": "512"}, 64),
    ]:  # fmt: skip
        made = ask(dew, "create_datakey", key_id=key, **asked)
        assert len(bytes.fromhex(made.plain_text)) == length, asked


@pytest.mark.parametrize("length", [1, 64, 1024])
def test_data_keys_from_outside(dew, either, length):
    key, digest = either
    plain = bytes(range(256)) * 4
    plain = plain[:length]
    wrapped = ask(
        dew, "encrypt_datakey", key_id=key, plain_text=(plain + digest(plain)).hex(),
        datakey_plain_length=str(length), additional_authenticated_data=AAD,
    )  # fmt: skip
    assert (wrapped.key_id, wrapped.datakey_length) == (key, str(length))
    opened = ask(
        dew, "decrypt_datakey", key_id=key, cipher_text=wrapped.cipher_text, datakey_cipher_length=str(length),
        additional_authenticated_data=AAD,
    )  # fmt: skip
    assert bytes.fromhex(opened.data_key) == plain and bytes.fromhex(opened.datakey_dgst) == digest(plain)


@pytest.mark.parametrize("text", ["pin1", "für Rechnungen", "x" * 4096], ids=["short", "unicode", "longest"])
def test_data(dew, either, text):
    key, _ = either
    sealed = ask(
        dew, "encrypt_data", key_id=key, plain_text=text, encryption_algorithm="SYMMETRIC_DEFAULT",
        additional_authenticated_data=AAD,
    )  # fmt: skip
    # The lengths that clients check (kms-iam-api §1.5).
    assert 128 <= len(sealed.cipher_text) <= 5648 and sealed.key_id == key
    opened = ask(dew, "decrypt_data", cipher_text=sealed.cipher_text, additional_authenticated_data=AAD)
    assert (opened.key_id, opened.plain_text) == (key, text), "the ciphertext names its key"
    assert base64.b64decode(opened.plain_text_base64).decode() == text


def test_every_way_to_name_a_key(dew, key):
    found = details(dew, key)
    ask(dew, "create_alias", key_id=key, alias=(second := fresh("second")))
    for reference in [
        key, f"alias/{found.key_alias}", f"alias/{second}", f"kms:{REGION}:{found.domain_id}:alias:{second}",
        f"kms:{REGION}:{found.domain_id}:KeyId:{key}", f"{REGION}:{found.domain_id}:key/{key}",
    ]:  # fmt: skip
        assert ask(dew, "create_datakey", key_id=reference).key_id == key, reference


def test_wrap_anew(dew, key, sm4):
    sealed = ask(dew, "encrypt_data", key_id=key, plain_text="text", additional_authenticated_data="old").cipher_text
    moved = ask(
        dew, "re_encrypt", cipher_text=sealed, destination_key_id=sm4, source_additional_authenticated_data="old",
        destination_additional_authenticated_data="new",
    )  # fmt: skip
    assert (moved.source_key_id, moved.key_id, moved.source_encryption_algorithm) == (key, sm4, "SYMMETRIC_DEFAULT")
    opened = ask(dew, "decrypt_data", cipher_text=moved.cipher_text, additional_authenticated_data="new")
    assert (opened.plain_text, opened.key_id) == ("text", sm4)
    # A data key is hexadecimal before and after.
    made = ask(dew, "create_datakey", key_id=key)
    moved = ask(dew, "re_encrypt", cipher_text=made.cipher_text, destination_key_id=sm4, source_key_id=key)
    opened = ask(dew, "decrypt_datakey", key_id=sm4, cipher_text=moved.cipher_text, datakey_cipher_length="32")
    assert opened.data_key == made.plain_text


# ---- imported material ----------------------------------------------------------------------------------------------


def wrapped_for(dew, key, material):
    """What importing `material` takes, as its owner makes it."""
    secrets.note(material)
    needed = ask(dew, "create_parameters_for_import", key_id=key, wrapping_algorithm="RSAES_OAEP_SHA_256")
    assert needed.key_id == key and 3600 < needed.expiration_time - time.time() <= 86400 + 60
    assert 200 <= len(needed.import_token) <= 6144
    public = serialization.load_der_public_key(base64.b64decode(needed.public_key))
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    encrypted = base64.b64encode(public.encrypt(material, oaep)).decode()
    assert 344 <= len(encrypted) <= 360
    return {"import_token": needed.import_token, "encrypted_key_material": encrypted}


@pytest.mark.parametrize("spec, length", [("AES_256", 32), ("SM4", 16)])
def test_imported_material(dew, spec, length):
    key = make_key(dew, origin="external", key_spec=spec)
    material = bytes(range(length))
    ask(dew, "import_key_material", key_id=key, **wrapped_for(dew, key, material))
    assert details(dew, key).key_state == "2"
    made = ask(dew, "create_datakey", key_id=key)
    ask(dew, "delete_imported_key_material", key_id=key)
    assert details(dew, key).key_state == "5"
    until = int(time.time()) + 3600
    ask(dew, "import_key_material", key_id=key, expiration_time=until, **wrapped_for(dew, key, material))
    found = details(dew, key)
    assert (found.key_state, found.expiration_time) == ("2", str(until * 1000))
    opened = ask(dew, "decrypt_datakey", key_id=key, cipher_text=made.cipher_text, datakey_cipher_length="32")
    assert opened.data_key == made.plain_text, "the same material opens what it wrapped before"


# ---- rotation -------------------------------------------------------------------------------------------------------


def test_rotation(dew):
    key = make_key(dew)
    status = ask(dew, "show_key_rotation_status", key_id=key)
    assert (status.key_rotation_enabled, status.number_of_rotations, status.last_rotation_time) == (False, 0, "")
    ask(dew, "enable_key_rotation", key_id=key)
    status = ask(dew, "show_key_rotation_status", key_id=key)
    assert (status.key_rotation_enabled, status.rotation_interval) == (True, 365)
    assert details(dew, key).key_rotation_enabled == "true"
    ask(dew, "update_key_rotation_interval", key_id=key, rotation_interval=30)
    assert ask(dew, "show_key_rotation_status", key_id=key).rotation_interval == 30
    old = ask(dew, "create_datakey", key_id=key)
    assert ask(dew, "rotate_on_demand", key_id=key).key_id == key
    status = ask(dew, "show_key_rotation_status", key_id=key)
    assert status.number_of_rotations == 1 and int(status.last_rotation_time) > 1_700_000_000_000
    assert len({material.material_id for material in status.key_materials}) == 2
    new = ask(dew, "create_datakey", key_id=key)
    for made in (old, new):
        opened = ask(dew, "decrypt_datakey", key_id=key, cipher_text=made.cipher_text, datakey_cipher_length="32")
        assert opened.data_key == made.plain_text
    ask(dew, "disable_key_rotation", key_id=key)
    assert ask(dew, "show_key_rotation_status", key_id=key).key_rotation_enabled is False


# ---- aliases, tags, counts ------------------------------------------------------------------------------------------


def test_aliases(dew):
    one, other = make_key(dew), make_key(dew)
    name = fresh("further")
    made = ask(dew, "create_alias", key_id=one, alias=f"alias/{name}")
    domain = details(dew, one).domain_id
    assert (made.key_id, made.alias, made.domain_id) == (one, f"alias/{name}", domain)
    assert made.alias_urn == f"kms:{REGION}:{domain}:alias:{name}" and int(made.create_time) > 0
    listed = ask(dew, "list_aliases", path={"key_id": one}).body
    assert isinstance(listed, list) and len(listed) == 1
    names = [entry.alias for entry in listed[0].aliases]
    assert f"alias/{name}" in names and listed[0].page_info.current_count == 2 == len(names)
    paged = ask(dew, "list_aliases", path={"key_id": one, "limit": "1"}).body[0]
    rest = ask(dew, "list_aliases", path={"key_id": one, "limit": "1", "marker": paged.page_info.next_marker}).body[0]
    assert [entry.alias for entry in paged.aliases + rest.aliases] == names and rest.page_info.next_marker == ""
    assert ask(dew, "associate_alias", alias=name, target_key_id=other).key_id == other
    assert details(dew, f"alias/{name}").key_id == other
    ask(dew, "delete_alias", aliases=[f"alias/{name}"], key_id=other)
    assert f"alias/{name}" not in str(ask(dew, "list_aliases").body[0])


def tag(key, value):
    return kms2.TagItem(key=key, value=value)


def test_tags_and_keys_by_tags(dew):
    one, other = make_key(dew), make_key(dew)
    mark = fresh("mark")
    ask(dew, "create_kms_tag", path={"key_id": one}, tag=tag(mark, "a"))
    both = [tag(mark, "b"), tag("stage", "test")]
    ask(dew, "batch_create_kms_tags", path={"key_id": other}, tags=both, action="create")
    shown = ask(dew, "show_kms_tags", path={"key_id": other})
    assert {(t.key, t.value) for t in shown.tags} == {(mark, "b"), ("stage", "test")} and shown.exist_tags_num == 2
    of_project = {t.key: t.values for t in ask(dew, "list_kms_tags").tags}
    assert of_project[mark] == ["a", "b"]

    def found(action="filter", **more):
        path = {"resource_instances": "resource_instances"}
        return ask(dew, "list_kms_by_tags", path=path, action=action, **more)

    either = [kms2.Tag(key=mark, values=[])]
    answer = found(tags=either)
    assert {r.resource_id for r in answer.resources} == {one, other} and answer.total_count == 2
    assert found("count", tags=either).total_count == 2
    [only] = found(tags=[kms2.Tag(key=mark, values=["b", "c"]), kms2.Tag(key="stage", values=["test"])]).resources
    assert only.resource_id == only.resource_detail.key_id == other
    assert {(t.key, t.value) for t in only.tags} == {(mark, "b"), ("stage", "test")}
    [only] = found(matches=[tag("resource_name", details(dew, one).key_alias)]).resources
    assert (only.resource_id, only.resource_name) == (one, details(dew, one).key_alias)
    assert len(found(tags=either, limit="1").resources) == 1 and len(found(tags=either, offset="1").resources) == 1

    ask(dew, "batch_create_kms_tags", path={"key_id": other}, tags=[tag("stage", "")], action="delete")
    ask(dew, "delete_tag", path={"key_id": other, "key": mark})
    assert ask(dew, "show_kms_tags", path={"key_id": other}).exist_tags_num == 0


def test_counts_and_quotas(dew):
    before = ask(dew, "show_user_instances").instance_num
    quotas = {r.type: r for r in ask(dew, "show_user_quotas").quotas.resources}
    assert before >= 1 and quotas["CMK"].used >= before and quotas["CMK"].quota > quotas["CMK"].used
    assert quotas["grant_per_CMK"].quota == 100
    make_key(dew)
    assert ask(dew, "show_user_instances").instance_num == before + 1


def test_versions(dew):
    [version] = ask(dew, "show_versions").versions
    assert (version.id, version.status) == ("v1.0", "CURRENT")
    assert ask(dew, "show_version", path={"version_id": "v1.0"}).version["id"] == "v1.0"
