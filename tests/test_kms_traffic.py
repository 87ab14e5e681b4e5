"""Limits and rates of the KMS: how many keys and grants there may be, and how often an account may ask, in both dialects and
on the way of objects."""

import pytest
from botocore.exceptions import ClientError
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from harness import clients, huawei, identities, keys
from harness.huawei import ask
from harness.identities import allow
from test_huawei_kms import fresh, make_key

MANY = 40


def codes(call, times=MANY):
    """What each of many calls in a row was answered: `None` or the code of an error."""
    told = []
    for _ in range(times):
        try:
            call()
            told.append(None)
        except ClientError as error:
            told.append(error.response["Error"]["Code"])
        except ClientRequestException as error:
            told.append((error.status_code, error.error_code))
    return told


def is_throttled(told, code):
    return told[0] is None and told.count(code) > len(told) // 2 and set(told) == {None, code}


@pytest.fixture(scope="module")
def slow(make_server):
    """Everything once a second, but for what the tests need to make."""
    rates = ",".join(f"{operation}=0" for operation in ("CreateKey", "CreateGrant", "ListKeys", "Decrypt"))
    return make_server(
        "--kms-requests-per-second", "1", "--kms-reads-per-second", "1", "--kms-changes-per-second", "1",
        "--kms-operations-per-second", rates,
    )  # fmt: skip


def test_each_operation_has_a_rate_of_its_own_and_objects_another(slow):
    kms, s3 = keys.client(slow, attempts=1), clients.s3(slow)
    key = keys.make(kms)["KeyId"]
    s3.create_bucket(Bucket="rates")
    assert is_throttled(codes(lambda: kms.generate_random(NumberOfBytes=8)), "ThrottlingException")
    assert is_throttled(codes(lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256")), "ThrottlingException")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert set(codes(lambda: kms.decrypt(CiphertextBlob=sealed))) == {None}, "Decrypt has no limit here"
    s3.put_object(Bucket="rates", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert s3.get_object(Bucket="rates", Key="k")["Body"].read() == b"x"


def test_reading_and_changing_have_rates_too(slow):
    kms = keys.client(slow, attempts=1)
    key = keys.make(kms)["KeyId"]
    assert is_throttled(codes(lambda: kms.get_key_policy(KeyId=key)), "ThrottlingException")
    assert is_throttled(codes(lambda: kms.update_key_description(KeyId=key, Description="x")), "ThrottlingException")
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])


def test_over_the_rate_huawei_s_api_says_when_to_come_again(make_server):
    server = make_server("--kms-requests-per-second", "1")
    dew, root = huawei.kms(server), (server.access_key, server.secret_key)
    key = make_key(dew)
    assert is_throttled(codes(lambda: ask(dew, "create_random", random_data_length="512")), (429, "APIGW.0308"))
    project = huawei.call(server, "GET", "/v3/projects", keys=root).json()["projects"][0]["id"]
    replies = [
        huawei.call(server, "POST", f"/v1.0/{project}/kms/gen-random", {"random_data_length": "512"}, keys=root)
        for _ in range(MANY)
    ]
    refused = [reply for reply in replies if reply.status_code != 200]
    assert len(refused) > MANY // 2
    for reply in refused:
        assert (reply.status_code, reply.json()["error_code"]) == (429, "APIGW.0308")
        assert reply.headers["retry-after"] == "1"
    assert ask(dew, "create_datakey", key_id=key).cipher_text, "another operation"


def test_who_may_use_no_key_starves_nobody(slow):
    mine = keys.client(slow, attempts=1)
    key = keys.make(mine)["KeyId"]
    theirs = keys.client(slow, identities.make_user(slow, "greedy"), attempts=1)
    told = codes(lambda: theirs.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256"))
    assert told[0] == "AccessDeniedException" and told.count("ThrottlingException") > MANY // 2, "a rate of their own"
    assert set(told) == {"AccessDeniedException", "ThrottlingException"}
    for _ in range(2):
        mine.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    reader = identities.make_user(slow, "put-only", [allow(["s3:PutObject", "s3:GetObject"])])
    s3, theirs = clients.s3(slow), clients.s3(slow, access_key=reader[0], secret_key=reader[1])
    s3.create_bucket(Bucket="starved")
    sealed = {"Bucket": "starved", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    told = codes(lambda: theirs.put_object(Key="theirs", **sealed), 10)
    assert None not in told
    s3.put_object(Key="mine", **sealed)


def test_as_many_keys_and_grants_as_there_may_be(make_server):
    server = make_server("--kms-keys-max", "3", "--kms-grants-max", "2")
    kms, dew = keys.client(server), huawei.kms(server)
    made = [keys.make(kms)["KeyId"], make_key(dew), keys.make(kms)["KeyId"]]
    keys.refused(kms.create_key, "LimitExceededException")
    with pytest.raises(ClientRequestException) as error:
        make_key(dew)
    assert (error.value.status_code, error.value.error_code) == (400, "KMS.1105")
    assert {entry["KeyId"] for entry in kms.list_keys()["Keys"]} == set(made)

    principal = {"grantee_principal": "ab" * 16, "operations": ["describe-key"]}
    root = kms.describe_key(KeyId=made[0])["KeyMetadata"]["Arn"].split(":")[4]
    ask(dew, "create_grant", key_id=made[0], name=fresh("g"), **principal)
    grant = {"KeyId": made[0], "GranteePrincipal": f"arn:aws:iam::{root}:root", "Operations": ["Decrypt"]}
    kept = kms.create_grant(**grant)["GrantId"]
    keys.refused(kms.create_grant, "LimitExceededException", **{**grant, "Operations": ["Encrypt"]})
    with pytest.raises(ClientRequestException) as error:
        ask(dew, "create_grant", key_id=made[0], name=fresh("g"), **principal)
    assert (error.value.status_code, error.value.error_code) == (400, "KMS.2404")
    kms.revoke_grant(KeyId=made[0], GrantId=kept)
    ask(dew, "create_grant", key_id=made[0], name=fresh("g"), **principal)
    # The account's own key is not counted.
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="default")
    s3.put_object(Bucket="default", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert len(kms.list_keys()["Keys"]) == 4
