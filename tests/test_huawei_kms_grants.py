"""Grants through the Huawei KMS API, and that it and the AWS API show one catalogue."""

import base64
import re
import uuid

import pytest
from botocore.exceptions import ClientError
from obs import PutObjectHeader, SseKmsHeader

from harness import clients, huawei, identities
from harness.huawei import ask
from harness.server import REGION
from test_huawei_kms import details, fresh, make_key
from test_huawei_kms_refusals import refused


@pytest.fixture(scope="module")
def root(server):
    return server.access_key, server.secret_key


# ---- grants ---------------------------------------------------------------------------------------------------------


def user_with_id(server, root, policy=None):
    name = fresh("user")
    keys = identities.make_user(server, name, policy)
    [user] = huawei.call(server, "GET", f"/v3/users?name={name}", keys=root).json()["users"]
    return user["id"], keys


def test_grants_of_a_user(server, root, dew):
    key = make_key(dew)
    uid, keys = user_with_id(server, root)
    retirer, retiring_keys = user_with_id(server, root)
    user = huawei.kms(server, keys)
    refused("KMS.0306", user, "create_datakey", status=403, key_id=key)
    made = ask(dew, "create_grant", key_id=key, grantee_principal=uid, name="one", retiring_principal=retirer,
               operations=["create-datakey", "decrypt-datakey", "describe-key"])  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", made.grant_id)
    data = ask(user, "create_datakey", key_id=key)
    opened = ask(user, "decrypt_datakey", key_id=key, cipher_text=data.cipher_text, datakey_cipher_length="32")
    assert opened.data_key == data.plain_text and details(user, key).key_id == key
    refused("KMS.0306", user, "disable_key", status=403, key_id=key)
    refused("KMS.0306", user, "cancel_grant", status=403, key_id=key, grant_id=made.grant_id)
    listed = ask(dew, "list_grants", key_id=key)
    [grant] = listed.grants
    assert (listed.total, listed.truncated, listed.next_marker) == (1, "false", "")
    assert (grant.key_id, grant.grant_id, grant.name) == (key, made.grant_id, "one")
    assert (grant.grantee_principal, grant.grantee_principal_type, grant.retiring_principal) == (uid, "user", retirer)
    assert {"create-datakey", "decrypt-datakey", "describe-key"} <= set(grant.operations)
    # Whoever may retire it sees it, if they may ask, and gives it back.
    assert ask(dew, "list_retirable_grants").grants == []
    retiring = huawei.kms(server, retiring_keys)
    refused("KMS.0307", retiring, "list_retirable_grants", status=403)
    ask(retiring, "cancel_self_grant", key_id=key, grant_id=made.grant_id)
    refused("KMS.0306", user, "create_datakey", status=403, key_id=key)
    assert ask(dew, "list_grants", key_id=key).grants == []


def test_grants_in_pages_and_revoked(server, root, dew):
    key = make_key(dew)
    uid, keys = user_with_id(server, root)
    ids = sorted(
        ask(dew, "create_grant", key_id=key, grantee_principal=uid, name=name, operations=["describe-key"]).grant_id
        for name in ("a", "b", "c")
    )
    first = ask(dew, "list_grants", key_id=key, limit="2")
    rest = ask(dew, "list_grants", key_id=key, limit="2", marker=first.next_marker)
    assert [g.grant_id for g in first.grants + rest.grants] == ids and first.total == 3
    assert (first.truncated, rest.truncated, rest.next_marker) == ("true", "false", "")
    user = huawei.kms(server, keys)
    for grant in ids:
        assert details(user, key).key_id == key
        ask(dew, "cancel_grant", key_id=key, grant_id=grant)
    refused("KMS.0306", user, "list_key_detail", status=403, key_id=key)
    refused("KMS.2501", dew, "cancel_grant", key_id=key, grant_id=ids[0])


def test_grants_of_an_account(server, root, dew):
    account = identities.make_account(server, fresh("account"))
    theirs = huawei.kms(server, account.credentials)
    key = make_key(dew)
    domain = details(dew, key).domain_id
    reference = f"{REGION}:{domain}:key/{key}"
    refused("KMS.0207", theirs, "create_datakey", status=404, key_id=reference)
    # An account is not taken for a user.
    asked = {"key_id": key, "grantee_principal": account.id, "operations": ["create-datakey", "decrypt-datakey"]}
    refused("KMS.2402", dew, "create_grant", **asked)
    ask(dew, "create_grant", **asked, grantee_principal_type="domain")
    [grant] = ask(dew, "list_grants", key_id=key).grants
    assert (grant.grantee_principal, grant.grantee_principal_type) == (account.id, "domain")
    data = ask(theirs, "create_datakey", key_id=reference)
    opened = ask(theirs, "decrypt_datakey", key_id=reference, cipher_text=data.cipher_text, datakey_cipher_length="32")
    assert opened.data_key == data.plain_text
    # A bare id is of one's own account.
    refused("KMS.0207", theirs, "create_datakey", status=404, key_id=key)
    assert key not in ask(theirs, "list_keys").keys


def test_a_key_of_another_project_serves_its_owner_alone(server, root):
    made = huawei.call(server, "POST", "/v3/projects", {"project": {"name": f"{REGION}_third"}}, keys=root)
    other = huawei.kms(server, project=made.json()["project"]["id"])
    account = identities.make_account(server, fresh("account"))
    key = make_key(other)
    asked = {"grantee_principal": account.id, "grantee_principal_type": "domain", "operations": ["create-datakey"]}
    ask(other, "create_grant", key_id=key, **asked)
    reference = f"{REGION}:{details(other, key).domain_id}:key/{key}"
    refused("KMS.0207", huawei.kms(server, account.credentials), "create_datakey", status=404, key_id=reference)
    assert ask(other, "create_datakey", key_id=key).key_id == key


def test_a_project_with_keys_stays(server, root):
    project = huawei.call(server, "POST", "/v3/projects", {"project": {"name": f"{REGION}_kept"}}, keys=root)
    project = project.json()["project"]["id"]
    there = huawei.kms(server, project=project)
    key = make_key(there)
    kept = huawei.call(server, "DELETE", f"/v3/projects/{project}", keys=root)
    assert (kept.status_code, "customer master keys" in kept.text) == (409, True), kept.text
    ask(there, "delete_key", key_id=key, pending_days="7")
    assert huawei.call(server, "DELETE", f"/v3/projects/{project}", keys=root).status_code == 409
    assert details(there, key).key_state == "4"


# ---- one catalogue --------------------------------------------------------------------------------------------------


def test_two_faces_of_one_catalogue(server, dew, s3, bucket):
    aws = clients.kms(server)
    here = make_key(dew, key_description="made here")
    seen = aws.describe_key(KeyId=here)["KeyMetadata"]
    assert (seen["KeyState"], seen["Description"]) == ("Enabled", "made here")
    assert [a["AliasName"] for a in aws.list_aliases(KeyId=here)["Aliases"]] == [f"alias/{details(dew, here).key_alias}"]
    there = aws.create_key(Description="made there")["KeyMetadata"]["KeyId"]
    found = details(dew, there)
    assert (found.key_state, found.key_description, found.key_alias) == ("2", "made there", "")
    # What one wraps without a context the other opens; what one binds, the other does not.
    made = ask(dew, "create_datakey", key_id=here)
    blob = bytes.fromhex(made.cipher_text)
    assert aws.decrypt(CiphertextBlob=blob)["Plaintext"].hex().upper() == made.plain_text
    blob = aws.encrypt(KeyId=there, Plaintext=b"\xff\x00")["CiphertextBlob"]
    opened = ask(dew, "decrypt_data", cipher_text=base64.b64encode(blob).decode())
    assert base64.b64decode(opened.plain_text_base64) == b"\xff\x00" and opened.plain_text is None
    bound = bytes.fromhex(ask(dew, "create_datakey", key_id=here, additional_authenticated_data="a").cipher_text)
    for context in ({}, {"aad": "a"}, {"a": ""}, {"huawei:aad": "a"}, {"strongroom:huawei:aad": "a"}):
        with pytest.raises(ClientError, match="InvalidCiphertext|Validation"):
            aws.decrypt(CiphertextBlob=bound, EncryptionContext=context)
    blob = aws.encrypt(KeyId=there, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    refused("KMS.0308", dew, "decrypt_data", cipher_text=base64.b64encode(blob).decode())
    # A change through one is in force for the other at once.
    ask(dew, "disable_key", key_id=there)
    with pytest.raises(ClientError, match="DisabledException"):
        aws.encrypt(KeyId=there, Plaintext=b"x")
    aws.enable_key(KeyId=there)
    assert details(dew, there).key_state == "2"


def test_objects_under_a_key_made_here(server, dew):
    obs = huawei.obs(server, (server.access_key, server.secret_key))
    bucket, key = f"b-{uuid.uuid4().hex[:20]}", make_key(dew)
    assert obs.createBucket(bucket).status < 300
    header = PutObjectHeader(sseHeader=SseKmsHeader.getInstance(key))
    put = obs.putContent(bucket, "k", "text", headers=header)
    assert put.status == 200 and put.body.sseKmsKey.endswith(f"{details(dew, key).domain_id}:key/{key}"), put
    assert obs.getObject(bucket, "k", loadStreamInMemory=True).body.buffer == b"text"
    ask(dew, "disable_key", key_id=key)
    refusal = obs.getObject(bucket, "k", loadStreamInMemory=True)
    assert (refusal.status, refusal.errorCode) == (400, "KMS.DisabledException")
