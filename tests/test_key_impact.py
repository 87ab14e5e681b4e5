"""What needs a CMK: counted to the object, and kept from deletion as long as something does. CMKs of another account on
the data path. Why somebody may use a CMK, explained."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from harness import clients, identities, keys, signing
from harness.identities import allow
from harness.keys import make, refused


@pytest.fixture(scope="module")
def kms(server):
    return keys.client(server)


@pytest.fixture(scope="module")
def other(server):
    """Another account."""
    return identities.make_account(server, f"acc-{uuid.uuid4().hex[:12]}")


def admin(server, method, path, document=None):
    body = b"" if document is None else json.dumps(document).encode()
    request = signing.Request(method, f"/admin/v1/{path}", [], {"Content-Type": "application/json"}, body)
    signing.sign_v4(request, server, service="strongroom")
    reply = signing.send(request, server, tls=True, control=True)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def impact(server, key):
    return admin(server, "GET", f"kms/keys/{key['KeyId']}/impact")


def under(key, bucket_key=False):
    return dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=key["Arn"], BucketKeyEnabled=bucket_key)


def code(call, **members):
    with pytest.raises(ClientError) as error:
        call(**members)
    return error.value.response["Error"]["Code"]


def test_a_cmk_is_kept_while_objects_need_it(server, kms, s3, bucket):
    key = make(kms)
    assert not impact(server, key)["needed"]
    s3.put_object(Bucket=bucket, Key="direct", Body=b"x" * 100, **under(key))
    s3.put_object(Bucket=bucket, Key="by-bucket-key", Body=b"x" * 200_000, **under(key, True))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="upload", **under(key, True))["UploadId"]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}}
    ]})  # fmt: skip
    told = impact(server, key)
    wanted = dict(needed=True, objects=2, bytes=200_100, uploads=1, bucket_keys=1, bucket_defaults=[bucket], buckets=[bucket])
    assert {name: told[name] for name in wanted} == wanted
    message = refused(kms.schedule_key_deletion, "KMSInvalidStateException", KeyId=key["KeyId"], PendingWindowInDays=7)
    assert "2 objects" in message and keys.state(kms, key["KeyId"]) == "Enabled"

    # A copy under another key, a deletion, an abort, another default: nothing needs it any more.
    another = make(kms)
    source = {"Bucket": bucket, "Key": "direct"}
    s3.copy_object(Bucket=bucket, Key="direct", CopySource=source, **under(another))
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "by-bucket-key"}]})
    s3.abort_multipart_upload(Bucket=bucket, Key="upload", UploadId=upload)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert not impact(server, key)["needed"]
    assert impact(server, another)["objects"] == 1
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert s3.get_object(Bucket=bucket, Key="direct")["Body"].read() == b"x" * 100


def test_the_count_survives_a_stop_and_force_goes_past_it(make_server):
    server = make_server()
    s3, kms = clients.s3(server), keys.client(server)
    s3.create_bucket(Bucket="kept")
    key = make(kms)
    for i in range(3):
        s3.put_object(Bucket="kept", Key=f"o{i}", Body=b"x" * 10, **under(key, True))
    before = impact(server, key)
    server.kill()
    server.start()
    assert impact(server, key) == before and before["objects"] == 3
    s3, kms = clients.s3(server), keys.client(server)
    refused(kms.schedule_key_deletion, "KMSInvalidStateException", KeyId=key["KeyId"], PendingWindowInDays=7)
    keys.force_deletion(server, key["KeyId"])
    assert keys.state(kms, key["KeyId"]) == "PendingDeletion"
    assert code(s3.get_object, Bucket="kept", Key="o0") == "KMS.KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    assert s3.get_object(Bucket="kept", Key="o0")["Body"].read() == b"x" * 10


def test_another_accounts_cmk_needs_bucket_object_and_key(server, kms, s3, bucket, other):
    theirs = keys.client(server, other.credentials)
    key = make(theirs)
    number = make(kms)["AWSAccountId"]
    assert code(s3.put_object, Bucket=bucket, Key="o", Body=b"x", **under(key)) == "KMS.NotFoundException"
    share = [
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{other.number}:root"}),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": f"arn:aws:iam::{number}:root"},
              Condition={"StringEquals": {"kms:ViaService": "s3.local-1.amazonaws.com"}}),
    ]  # fmt: skip
    theirs.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=identities.document(*share))
    put = s3.put_object(Bucket=bucket, Key="o", Body=b"x", **under(key, True))
    assert put["SSEKMSKeyId"] == key["Arn"], "the full id"
    assert s3.get_object(Bucket=bucket, Key="o")["Body"].read() == b"x"
    # By the store only, and a bare id is one's own.
    refused(kms.generate_data_key, "NotFoundException", KeyId=key["Arn"], KeySpec="AES_256")
    bare = {**under(key), "SSEKMSKeyId": key["KeyId"]}
    assert code(s3.put_object, Bucket=bucket, Key="p", Body=b"x", **bare) == "KMS.NotFoundException"
    # A user whose own policies give no right to keys.
    who = identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")])
    poor = identities.s3(server, who)
    assert code(poor.get_object, Bucket=bucket, Key="o") == "AccessDenied"
    # Withdrawn: at once, though the bucket key is in the cache.
    theirs.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=identities.document(share[0]))
    assert code(s3.get_object, Bucket=bucket, Key="o") == "AccessDenied"


def test_why_somebody_may_use_a_cmk(server, kms):
    key = make(kms)
    name = f"u-{uuid.uuid4().hex[:12]}"
    identities.make_user(server, name)
    number = key["AWSAccountId"]
    arn = f"arn:aws:iam::{number}:user/{name}"

    def explained(**more):
        asked = {"as": f"user/{name}", "action": "kms:Decrypt", "resource": key["Arn"], **more}
        return admin(server, "POST", "explain", asked)

    assert not explained()["allowed"]
    constraint = {"EncryptionContextSubset": {"team": "red"}}
    grant = kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=arn, Operations=["Decrypt"], Constraints=constraint)
    assert not explained(context={"team": "blue"})["allowed"]
    told = explained(context={"team": "red"})
    assert told["allowed"] and told["grants"] == [f"grant {grant['GrantId']} on the key"]
    policy = identities.document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{number}:root"}),
        {"Sid": "ByTheStore", "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
         "Condition": {"StringNotEquals": {"kms:ViaService": "s3.local-1.amazonaws.com"}}},
    )  # fmt: skip
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    told = explained(context={"team": "red"})
    assert not told["allowed"] and told["reason"] == "statement 2 (Sid ByTheStore) of key policy"
    assert explained(context={"team": "red"}, through_store=True)["allowed"]
