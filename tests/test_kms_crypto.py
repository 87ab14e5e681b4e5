"""What CMKs do to bytes, through boto3: wrap, unwrap, rewrap, draw; contexts, limits, rotation, imported material."""

import datetime
import os
import uuid

import pytest
from botocore.exceptions import ClientError

from harness import identities, keys
from harness.identities import allow
from harness.keys import make, material, refused, state

CONTEXT = {"purpose": "backup", "Ä": "ö"}


@pytest.fixture(scope="module")
def kms(server):
    return keys.client(server)


@pytest.fixture(scope="module")
def key(kms):
    return make(kms)


def is_material_id(text):
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


# ---- encrypt, decrypt -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 31, 32, 33, 4096])
def test_bytes_go_round(kms, key, length):
    plain = os.urandom(length)
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=plain, EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == key["Arn"] and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    blob = sealed["CiphertextBlob"]
    assert plain not in blob or length == 1
    assert len(blob) <= 6144
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(CONTEXT.items())))
    assert (opened["Plaintext"], opened["KeyId"]) == (plain, key["Arn"]) and is_material_id(opened["KeyMaterialId"])
    again = kms.encrypt(KeyId=key["KeyId"], Plaintext=plain, EncryptionContext=CONTEXT)
    assert again["CiphertextBlob"] != blob


def test_lengths_have_bounds(kms, key):
    for length in (0, 4097):
        refused(kms.encrypt, "ValidationException", KeyId=key["KeyId"], Plaintext=bytes(length))
    refused(kms.decrypt, "ValidationException", CiphertextBlob=bytes(6145))
    refused(kms.decrypt, "ValidationException", CiphertextBlob=b"")
    refused(kms.decrypt, "ValidationException")
    refused(kms.encrypt, "ValidationException", KeyId=key["KeyId"])
    refused(kms.encrypt, "ValidationException", Plaintext=b"x")


@pytest.mark.parametrize("context", [
    {}, {"purpose": "backup"}, {**CONTEXT, "more": ""}, {"purpose": "Backup", "Ä": "ö"}, {"Purpose": "backup", "Ä": "ö"},
])  # fmt: skip
def test_another_context_opens_nothing(kms, key, context):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    text = refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob, EncryptionContext=context)
    assert text == "", "one answer for all causes"


def test_every_changed_byte_is_noticed(kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"0123456789")["CiphertextBlob"]
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        # Bytes 4 to 19 name the CMK: another one is nobody's to know about.
        wanted = "AccessDeniedException" if 4 <= at < 20 else "InvalidCiphertextException"
        refused(kms.decrypt, wanted, CiphertextBlob=bytes(changed))
    for length in (1, 3, 24, len(blob) - 1):
        refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob[:length])
    refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob + b"\0")
    refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=b"not one of ours at all")


def test_the_wrong_key_is_said(kms, key):
    other = make(kms)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    text = refused(kms.decrypt, "IncorrectKeyException", KeyId=other["KeyId"], CiphertextBlob=blob)
    assert text == "The key ID in the request does not identify a CMK that can perform this operation."


def test_contexts_and_algorithms_that_are_not_taken(kms, key):
    huge = {"k": "v" * 8192}
    refused(kms.encrypt, "ValidationException", KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=huge)
    for algorithm in ("RSAES_OAEP_SHA_256", "SM2PKE"):
        more = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm}
        refused(kms.encrypt, "UnsupportedOperationException", Plaintext=b"x", **more)
        refused(kms.decrypt, "UnsupportedOperationException", CiphertextBlob=b"x", **more)


def test_an_attested_recipient_is_refused_instead_of_ignored(kms, key):
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    refused(kms.decrypt, "UnsupportedOperationException", CiphertextBlob=blob, Recipient=recipient)
    refused(kms.generate_data_key, "UnsupportedOperationException", KeyId=key["KeyId"], KeySpec="AES_256", Recipient=recipient)
    refused(kms.generate_random, "UnsupportedOperationException", NumberOfBytes=8, Recipient=recipient)


def test_grant_tokens_are_read_and_bounded(kms, key):
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[])
    refused(kms.encrypt, "ValidationException", KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["x"] * 11)
    refused(kms.encrypt, "ValidationException", KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["x" * 8193])


# ---- data keys, random bytes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, length", [
    (dict(KeySpec="AES_256"), 32), (dict(KeySpec="AES_128"), 16), (dict(NumberOfBytes=1), 1), (dict(NumberOfBytes=1024), 1024),
])  # fmt: skip
def test_data_keys_of_every_size(kms, key, size, length):
    made = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext=CONTEXT, **size)
    assert len(made["Plaintext"]) == length and made["KeyId"] == key["Arn"] and is_material_id(made["KeyMaterialId"])
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"] and opened["KeyMaterialId"] == made["KeyMaterialId"]
    silent = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], **size)
    assert "Plaintext" not in silent
    assert len(kms.decrypt(CiphertextBlob=silent["CiphertextBlob"])["Plaintext"]) == length


@pytest.mark.parametrize("size", [
    {}, dict(KeySpec="AES_256", NumberOfBytes=32), dict(NumberOfBytes=0), dict(NumberOfBytes=1025), dict(KeySpec="AES_512"),
])  # fmt: skip
def test_other_sizes_are_refused(kms, key, size):
    refused(kms.generate_data_key, "ValidationException", KeyId=key["KeyId"], **size)


def test_random_bytes(kms):
    for length in (1, 32, 1024):
        assert len(kms.generate_random(NumberOfBytes=length)["Plaintext"]) == length
    assert kms.generate_random(NumberOfBytes=32)["Plaintext"] != kms.generate_random(NumberOfBytes=32)["Plaintext"]
    for length in (0, 1025):
        refused(kms.generate_random, "ValidationException", NumberOfBytes=length)
    refused(kms.generate_random, "ValidationException")


def test_over_its_rate_an_account_is_throttled_and_others_are_not(make_server):
    server = make_server("--kms-requests-per-second", "1")
    key = make(keys.client(server))
    other = identities.make_account(server, "other")
    mine, theirs = keys.client(server, attempts=1), keys.client(server, other.credentials, attempts=1)
    told = []
    for _ in range(100):
        try:
            mine.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
        except ClientError as error:
            told.append(error.response["Error"])
    text = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    assert len(told) > 50 and all((e["Code"], e["Message"]) == ("ThrottlingException", text) for e in told)
    theirs.generate_random(NumberOfBytes=8)
    assert mine.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Arn"] == key["Arn"], "reading has a rate of its own"


# ---- rewrap ---------------------------------------------------------------------------------------------------------


def test_rewrap_under_another_key_and_context(kms, key):
    other = make(kms)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"new": "one"},
    )  # fmt: skip
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"]) and "Plaintext" not in moved
    assert is_material_id(moved["SourceKeyMaterialId"]) and is_material_id(moved["DestinationKeyMaterialId"])
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"new": "one"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"x", other["Arn"])
    to = {"DestinationKeyId": other["KeyId"], "CiphertextBlob": blob}
    refused(kms.re_encrypt, "InvalidCiphertextException", **to)
    refused(kms.re_encrypt, "IncorrectKeyException", SourceKeyId=other["KeyId"], SourceEncryptionContext=CONTEXT, **to)
    refused(kms.re_encrypt, "NotFoundException", CiphertextBlob=blob, DestinationKeyId=str(uuid.uuid4()))
    refused(kms.re_encrypt, "ValidationException", CiphertextBlob=blob)


def test_rewrap_asks_for_both_rights(server, kms, key):
    other = make(kms)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]

    def person(*statements):
        return keys.client(server, identities.make_user(server, f"p-{uuid.uuid4().hex[:12]}", list(statements)))

    source, target = allow("kms:ReEncryptFrom", key["Arn"]), allow("kms:ReEncryptTo", other["Arn"])
    for statements in ([source], [target], [allow(["kms:Decrypt", "kms:Encrypt"])]):
        refused(person(*statements).re_encrypt, "AccessDeniedException", CiphertextBlob=blob, DestinationKeyId=other["KeyId"])
    person(source, target).re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"])


# ---- dry runs -------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_does_nothing(server, kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    low = keys.client(server, identities.make_user(server, f"p-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    root = f"arn:aws:iam::{key['Arn'].split(':')[4]}:root"
    for name, members in {
        "encrypt": dict(KeyId=key["KeyId"], Plaintext=b"x"),
        "decrypt": dict(CiphertextBlob=blob),
        "generate_data_key": dict(KeyId=key["KeyId"], KeySpec="AES_256"),
        "generate_data_key_without_plaintext": dict(KeyId=key["KeyId"], KeySpec="AES_256"),
        "re_encrypt": dict(CiphertextBlob=blob, DestinationKeyId=key["KeyId"]),
        "create_grant": dict(KeyId=key["KeyId"], GranteePrincipal=root, Operations=["Decrypt"]),
    }.items():
        refused(getattr(kms, name), "DryRunOperationException", DryRun=True, **members)
        refused(getattr(low, name), "AccessDeniedException", DryRun=True, **members)
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []


# ---- rotation -------------------------------------------------------------------------------------------------------


def test_rotation_on_demand_keeps_old_ciphertexts_open(server, kms):
    key = make(kms)["KeyId"]
    kept = []
    for version in range(3):
        sealed = kms.encrypt(KeyId=key, Plaintext=b"%d" % version)["CiphertextBlob"]
        kept.append((sealed, kms.decrypt(CiphertextBlob=sealed)["KeyMaterialId"]))
        assert kms.rotate_key_on_demand(KeyId=key)["KeyId"]
    assert len({material_id for _, material_id in kept}) == 3
    listed = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [entry["RotationType"] for entry in listed] == ["ON_DEMAND"] * 3
    whole = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [entry["KeyMaterialId"] for entry in whole][:3] == [material_id for _, material_id in kept]
    assert [entry["KeyMaterialState"] for entry in whole] == ["NON_CURRENT"] * 3 + ["CURRENT"]
    page = kms.list_key_rotations(KeyId=key, Limit=2)
    rest = kms.list_key_rotations(KeyId=key, Limit=2, Marker=page["NextMarker"])
    assert page["Rotations"] + rest["Rotations"] == listed and not rest["Truncated"]
    server.restart()
    kms = keys.client(server)
    for version, (sealed, material_id) in enumerate(kept):
        opened = kms.decrypt(CiphertextBlob=sealed)
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"%d" % version, material_id)
    refused(kms.list_key_rotations, "ValidationException", KeyId=key, IncludeKeyMaterial="SOME")


def test_rotation_by_itself_is_switched(kms):
    key = make(kms)["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is True and status["RotationPeriodInDays"] == 365
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    days = (status["NextRotationDate"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 86400
    assert status["RotationPeriodInDays"] == 90 and 88 < days <= 90
    for period in (0, 89, 2561, -1):
        refused(kms.enable_key_rotation, "ValidationException", KeyId=key, RotationPeriodInDays=period)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=2560)
    kms.disable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


# ---- imported material ----------------------------------------------------------------------------------------------

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


@pytest.mark.parametrize("algorithm, spec", [
    ("RSAES_OAEP_SHA_256", "RSA_2048"), ("RSAES_OAEP_SHA_1", "RSA_3072"), ("RSA_AES_KEY_WRAP_SHA_256", "RSA_4096"),
    ("RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
])  # fmt: skip
def test_material_is_imported_under_every_wrapping(kms, algorithm, spec):
    made = make(kms, Origin="EXTERNAL")
    key = made["KeyId"]
    assert (made["Origin"], made["KeyState"], made["Enabled"]) == ("EXTERNAL", "PendingImport", False)
    answer = kms.import_key_material(**material(kms, key, os.urandom(32), algorithm, spec), **FOREVER)
    assert answer["KeyId"] == made["Arn"] and is_material_id(answer["KeyMaterialId"])
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["KeyMaterialId"] == answer["KeyMaterialId"]


def test_only_the_same_material_comes_again(kms):
    key, clear = make(kms, Origin="EXTERNAL")["KeyId"], os.urandom(32)
    kms.import_key_material(**material(kms, key, clear), **FOREVER)
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    assert state(kms, key) == "PendingImport"
    refused(kms.decrypt, "KMSInvalidStateException", CiphertextBlob=sealed)
    other = material(kms, key, os.urandom(32))
    refused(kms.import_key_material, "IncorrectKeyMaterialException", **other, **FOREVER)
    assert state(kms, key) == "PendingImport"
    kms.import_key_material(**material(kms, key, clear), **FOREVER)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_material_that_expires_says_when(kms):
    key = make(kms, Origin="EXTERNAL")["KeyId"]
    until = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=3)
    refused(kms.import_key_material, "ValidationException", **material(kms, key, os.urandom(32)))
    kms.import_key_material(**material(kms, key, os.urandom(32)), ValidTo=until)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["ExpirationModel"], described["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", until)
    past = until - datetime.timedelta(days=30)
    other = make(kms, Origin="EXTERNAL")["KeyId"]
    refused(kms.import_key_material, "ValidationException", **material(kms, other, os.urandom(32)), ValidTo=past)


def test_wrong_tokens_and_wrong_wraps(kms):
    first, second = (make(kms, Origin="EXTERNAL")["KeyId"] for _ in range(2))
    good, others = material(kms, first, os.urandom(32)), material(kms, second, os.urandom(32))
    call = kms.import_key_material
    refused(call, "InvalidImportTokenException", **{**good, "ImportToken": others["ImportToken"]}, **FOREVER)
    refused(call, "InvalidImportTokenException", **{**good, "ImportToken": os.urandom(300)}, **FOREVER)
    refused(call, "InvalidCiphertextException", **{**good, "EncryptedKeyMaterial": others["EncryptedKeyMaterial"]}, **FOREVER)
    refused(call, "InvalidCiphertextException", **{**good, "EncryptedKeyMaterial": os.urandom(256)}, **FOREVER)
    for length in (1, 16, 31, 33, 64):
        wrapped = material(kms, first, os.urandom(length))
        with pytest.raises(Exception, match="ValidationException|InvalidCiphertextException|IncorrectKeyMaterialException"):
            call(**wrapped, **FOREVER)
    assert state(kms, first) == "PendingImport"
    inside = make(kms)["KeyId"]
    more = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    refused(kms.get_parameters_for_import, "UnsupportedOperationException", KeyId=inside, **more)
    refused(kms.delete_imported_key_material, "UnsupportedOperationException", KeyId=inside)
    for wrong in ({"WrappingAlgorithm": "RSAES_PKCS1_V1_5"}, {"WrappingKeySpec": "SM2"}):
        refused(kms.get_parameters_for_import, "UnsupportedOperationException", KeyId=first, **{**more, **wrong})


def test_imported_material_does_not_rotate(kms):
    key = make(kms, Origin="EXTERNAL")["KeyId"]
    kms.import_key_material(**material(kms, key, os.urandom(32)), **FOREVER)
    for call in (kms.enable_key_rotation, kms.rotate_key_on_demand):
        refused(call, "UnsupportedOperationException", KeyId=key)
