"""The AWS KMS JSON API on the control address, through boto3, and what the state of a CMK does to objects."""

import base64
import json
import os
import threading
import uuid

import pytest
from botocore.exceptions import ClientError

from harness import clients, disk, keys, signing
from harness.sse import KIB, SEGMENT, body


def code(error):
    return error.value.response["Error"]["Code"]


def refused(call, wanted, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert code(error) == wanted, error.value
    return error.value.response


def test_create_and_describe(kms):
    made = kms.create_key(Description="for invoices")["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:local-1:{made['AWSAccountId']}:key/{made['KeyId']}"
    assert uuid.UUID(made["KeyId"]) and len(made["AWSAccountId"]) == 12
    expected = {
        "Enabled": True, "KeyState": "Enabled", "KeyManager": "CUSTOMER", "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "Description": "for invoices", "MultiRegion": False,
    }  # fmt: skip
    assert {k: made[k] for k in expected} == expected
    for reference in (made["KeyId"], made["Arn"]):
        assert kms.describe_key(KeyId=reference)["KeyMetadata"]["KeyId"] == made["KeyId"]


def test_unknown_keys_and_bad_references(kms):
    absent = str(uuid.uuid4())
    refused(kms.describe_key, "NotFoundException", KeyId=absent)
    refused(kms.enable_key, "NotFoundException", KeyId=absent)
    made = kms.create_key()["KeyMetadata"]
    elsewhere = made["Arn"].replace(":local-1:", ":other-1:")
    refused(kms.describe_key, "NotFoundException", KeyId=elsewhere)
    another = made["Arn"].replace(f":{made['AWSAccountId']}:", ":999999999999:")
    assert refused(kms.describe_key, "NotFoundException", KeyId=another)
    with pytest.raises(ClientError):
        kms.describe_key(KeyId="not a key id at all")


def test_list_keys_in_pages(kms):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    everything = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]]
    assert made <= set(everything) and len(everything) == len(set(everything))
    paged, marker = [], {}
    while True:
        page = kms.list_keys(Limit=2, **marker)
        assert len(page["Keys"]) <= 2
        paged += [k["KeyId"] for k in page["Keys"]]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert sorted(paged) == sorted(everything)


def test_aliases(kms, s3, bucket):
    made = kms.create_key()["KeyMetadata"]
    name = f"alias/{uuid.uuid4().hex}"
    kms.create_alias(AliasName=name, TargetKeyId=made["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == made["KeyId"]
    refused(kms.create_alias, "AlreadyExistsException", AliasName=name, TargetKeyId=made["KeyId"])
    for bad in ["no-prefix", "alias/aws/mine", "alias/with space", "alias/"]:
        with pytest.raises(ClientError):
            kms.create_alias(AliasName=bad, TargetKeyId=made["KeyId"])
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
    assert put["SSEKMSKeyId"] == made["Arn"], "the answer names the key, not the alias"


def test_the_default_key_is_made_at_first_use(make_server):
    server = make_server()
    s3, kms = clients.s3(server), clients.kms(server)
    assert kms.list_keys()["Keys"] == []
    s3.create_bucket(Bucket="first-use")
    names = [f"k{i}" for i in range(8)]
    made = []

    def put(name):
        made.append(
            clients.s3(server).put_object(Bucket="first-use", Key=name, Body=b"x", ServerSideEncryption="aws:kms")
        )

    threads = [threading.Thread(target=put, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = {answer["SSEKMSKeyId"] for answer in made}
    assert len(keys) == 1, "first users at the same time get one key"
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert keys == {described["Arn"]} and described["KeyManager"] == "AWS"
    server.restart()
    again = clients.s3(server).put_object(Bucket="first-use", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert {again["SSEKMSKeyId"]} == keys


@pytest.mark.parametrize("bucket_key", [False, True], ids=["direct", "bucket-key"])
def test_a_disabled_key_refuses_and_an_enabled_one_serves_again(server, kms, s3, bucket, bucket_key):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": bucket_key}
    data = body(SEGMENT + 1)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **write)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", **write)["UploadId"]
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    # At once, although the bucket key and what it opens lie in the cache.
    source = {"Bucket": bucket, "Key": "k"}
    for call, arguments in [
        (s3.put_object, dict(Key="k2", Body=b"x", **write)),
        (s3.get_object, dict(Key="k")),
        (s3.get_object, dict(Key="k", Range="bytes=0-0")),
        (s3.copy_object, dict(Key="c", CopySource=source)),
        (s3.create_multipart_upload, dict(Key="m2", **write)),
        (s3.upload_part, dict(Key="m", UploadId=upload, PartNumber=1, Body=b"x")),
    ]:
        error = refused(call, "KMS.DisabledException", Bucket=bucket, **arguments)
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == len(data)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data
    s3.put_object(Bucket=bucket, Key="k2", Body=b"x", **write)


def test_deletion_is_scheduled_and_cancelled(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **write)
    for days in (6, 31):
        with pytest.raises(ClientError):
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=days)
    answer = keys.force_deletion(server, key, days=7)
    assert answer["KeyState"] == "PendingDeletion"
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    days = (described["DeletionDate"] - described["CreationDate"]).total_seconds() / 86400
    assert described["KeyState"] == "PendingDeletion" and not described["Enabled"] and 6.9 < days < 7.1
    refused(s3.get_object, "KMS.KMSInvalidStateException", Bucket=bucket, Key="k")
    refused(s3.put_object, "KMS.KMSInvalidStateException", Bucket=bucket, Key="k2", Body=b"x", **write)
    refused(kms.enable_key, "KMSInvalidStateException", KeyId=key)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    refused(s3.get_object, "KMS.DisabledException", Bucket=bucket, Key="k")
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_the_state_of_keys_survives_a_kill(make_server):
    server = make_server()
    kms = clients.kms(server)
    keys = [kms.create_key(Description=f"key {i}")["KeyMetadata"]["KeyId"] for i in range(3)]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=keys[0])
    kms.disable_key(KeyId=keys[1])
    kms.schedule_key_deletion(KeyId=keys[2], PendingWindowInDays=10)
    server.kill()
    server.start()
    kms = clients.kms(server)
    states = [kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]
    assert states == ["Enabled", "Disabled", "PendingDeletion"]
    assert kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["Description"] == "key 0"


# ---- how often the KMS is asked -------------------------------------------------------------------------------------


class Counted:
    """KMS requests made while the block ran."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.before = {op: self.server.kms_requests(op) for op in ("GenerateDataKey", "Decrypt")}
        return self

    def __exit__(self, *_):
        now = {op: self.server.kms_requests(op) for op in self.before}
        self.generated = now["GenerateDataKey"] - self.before["GenerateDataKey"]
        self.unwrapped = now["Decrypt"] - self.before["Decrypt"]


def test_without_a_bucket_key_each_object_is_one_kms_request(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    with Counted(server) as puts:
        for i in range(5):
            s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", **write)
    assert (puts.generated, puts.unwrapped) == (5, 0)
    with Counted(server) as gets:
        for i in range(5):
            s3.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read()
    assert (gets.generated, gets.unwrapped) == (0, 5)


def test_with_a_bucket_key_many_objects_are_one_kms_request(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    misses = server.counted("strongroom_bucket_key_lookups_total", result="miss")
    hits = server.counted("strongroom_bucket_key_lookups_total", result="hit")
    with Counted(server) as puts:
        for i in range(20):
            s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", **write)
    assert (puts.generated, puts.unwrapped) == (1, 0)
    assert server.counted("strongroom_bucket_key_lookups_total", result="miss") == misses + 1
    assert server.counted("strongroom_bucket_key_lookups_total", result="hit") == hits + 19
    with Counted(server) as first:
        s3.get_object(Bucket=bucket, Key="k0")["Body"].read()
    assert first.generated == 0 and first.unwrapped <= 1, "reading is a right of its own, asked for once"
    with Counted(server) as warm:
        for i in range(20):
            s3.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read()
            s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"y", **write)
    assert (warm.generated, warm.unwrapped) == (0, 0)


def test_many_first_writers_at_once_share_one_kms_request(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    with Counted(server) as puts:
        threads = [
            threading.Thread(target=s3.put_object, kwargs=dict(Bucket=bucket, Key=f"k{i}", Body=b"x", **write))
            for i in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert puts.generated == 1
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 16


def test_a_cold_cache_unwraps_the_bucket_key_once(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    for i in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=body(10 * KIB, i), **write)
    server.restart()
    again = clients.s3(server)
    with Counted(server) as gets:
        for i in range(5):
            assert again.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read() == body(10 * KIB, i)
    assert (gets.generated, gets.unwrapped) == (0, 1)


def test_bucket_keys_are_per_bucket_and_per_cmk(server, kms):
    s3 = clients.s3(server)
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
    buckets = [f"b-{uuid.uuid4().hex[:20]}" for _ in range(2)]
    for name in buckets:
        s3.create_bucket(Bucket=name)
    with Counted(server) as puts:
        for _ in range(3):
            for name in buckets:
                for key in keys:
                    s3.put_object(
                        Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key,
                        BucketKeyEnabled=True,
                    )  # fmt: skip
    assert puts.generated == 4


def test_a_bucket_recreated_under_its_name_gets_its_own_bucket_key(server, kms):
    s3 = clients.s3(server)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    name = f"b-{uuid.uuid4().hex[:20]}"
    with Counted(server) as puts:
        for _ in range(2):
            s3.create_bucket(Bucket=name)
            s3.put_object(
                Bucket=name, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True
            )  # fmt: skip
            s3.delete_object(Bucket=name, Key="k")
            s3.delete_bucket(Bucket=name)
    assert puts.generated == 2


def test_a_bucket_key_ends_with_its_life(make_server):
    """With the shortest life, one second of the server's clock, a later write asks the KMS again."""
    server = make_server("--bucket-key-ttl-seconds", "1")
    s3, kms = clients.s3(server), clients.kms(server)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="short-life")
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    before = server.kms_requests("GenerateDataKey")
    for i in range(10_000):
        s3.put_object(Bucket="short-life", Key=f"k{i}", Body=b"%d" % i, **write)
        if server.kms_requests("GenerateDataKey") >= before + 2:
            break
    else:
        pytest.fail("ten thousand writes and still the first bucket key")
    assert i > 2, "the first bucket key served more than one object"
    for j in (0, i):
        assert s3.get_object(Bucket="short-life", Key=f"k{j}")["Body"].read() == b"%d" % j


def test_listing_head_and_delete_never_ask_the_kms(server, kms, s3, bucket):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for i in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    with Counted(server) as calls:
        s3.list_objects_v2(Bucket=bucket)
        s3.list_objects(Bucket=bucket)
        for i in range(3):
            s3.head_object(Bucket=bucket, Key=f"k{i}")
            s3.delete_object(Bucket=bucket, Key=f"k{i}")
    assert (calls.generated, calls.unwrapped) == (0, 0)


def test_sse_obs_is_no_kms_request(server, s3, bucket):
    with Counted(server) as calls:
        for i in range(3):
            s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", ServerSideEncryption="AES256")
            assert s3.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read() == b"x"
    assert (calls.generated, calls.unwrapped) == (0, 0)


# ---- the door -------------------------------------------------------------------------------------------------------


def call(server, operation, payload=b"{}", sign=True, headers=None):
    request = signing.Request("POST", "/", [], dict(headers or {}), payload)
    request.headers.setdefault("X-Amz-Target", f"TrentService.{operation}")
    request.headers.setdefault("Content-Type", "application/x-amz-json-1.1")
    if sign:
        signing.sign_v4(request, server, service="kms")
    return signing.send(request, server, control=True)


def test_unsigned_and_wrongly_signed_requests_are_refused(server, kms):
    before = len(kms.list_keys(Limit=1000)["Keys"])
    assert call(server, "CreateKey", sign=False).status in (400, 403)
    signed_for_s3 = signing.Request("POST", "/", [], {"X-Amz-Target": "TrentService.CreateKey"}, b"{}")
    signing.sign_v4(signed_for_s3, server, service="s3", host=f"127.0.0.1:{server.control_port}")
    assert signing.send(signed_for_s3, server, control=True).status in (400, 403)
    tampered = signing.Request("POST", "/", [], {"X-Amz-Target": "TrentService.ListKeys"}, b"{}")
    signing.sign_v4(tampered, server, service="kms")
    tampered.headers["X-Amz-Target"] = "TrentService.CreateKey"
    assert signing.send(tampered, server, control=True).status in (400, 403)
    other_body = signing.Request("POST", "/", [], {"X-Amz-Target": "TrentService.CreateKey"}, b"{}")
    signing.sign_v4(other_body, server, service="kms")
    other_body.body = b'{"Description":"another"}'
    assert signing.send(other_body, server, control=True).status in (400, 403)
    assert len(kms.list_keys(Limit=1000)["Keys"]) == before


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b'{"KeyId":5}', b'{"KeyId":"' + b"x" * 5000 + b'"}', b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe"],
    ids=["empty", "list", "cut", "number", "long", "deep list", "deep object", "not utf-8"],
)  # fmt: skip
def test_bad_documents_are_refused(server, payload):
    reply = call(server, "DescribeKey", payload)
    assert reply.status == 400 and "__type" in json.loads(reply.body), reply


def test_unknown_operations_are_refused(server):
    reply = call(server, "NoSuchOperation")
    assert reply.status == 400 and json.loads(reply.body)["__type"].endswith("UnknownOperationException")
    reply = call(server, "CreateKey", b'{"KeySpec":"RSA_2048"}')
    assert reply.status == 400, "what is not offered is said, not pretended"


def test_without_its_root_key_a_data_directory_opens_nothing(make_server):
    """Material is stored only wrapped under the root key: with another root key the server does not start, rather than
    serve errors or make new keys."""
    from harness.server import StartFailed

    server = make_server()
    clients.kms(server).create_key()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="locked")
    s3.put_object(Bucket="locked", Key="k", Body=b"hello", ServerSideEncryption="aws:kms")
    assert server.stop() == 0
    path = server.data / "root.key"
    original = path.read_bytes()
    path.write_bytes(os.urandom(32).hex().encode() + b"\n")
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 1 and "root key" in failed.value.stderr
    path.unlink()
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 1 and not path.exists(), "a lost root key is not silently replaced"
    path.write_bytes(original)
    path.chmod(0o600)
    server.start()
    assert clients.s3(server).get_object(Bucket="locked", Key="k")["Body"].read() == b"hello"


def test_the_root_key_stands_in_its_own_file_only(server, kms):
    kms.create_key()
    root = bytes.fromhex((server.data / "root.key").read_text().strip())
    forms = [root, root.hex().encode(), root.hex().upper().encode(), base64.b64encode(root)]
    assert {name for name, _ in disk.files_holding(server.data, *forms)} == {"root.key"}
    assert not any(form in server.log().encode() for form in forms)
