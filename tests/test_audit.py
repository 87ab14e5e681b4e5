"""The audit log of a running server: what stands on it, before which answer, and what happens when it cannot be written."""

import json
import os
import shutil
import subprocess
import threading
from collections import Counter

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from huaweicloudsdkcore.exceptions.exceptions import ServerResponseException

from harness import clients, huawei, identities, keys, secrets
from harness.server import StartFailed, binary, clean_environment
from harness.small_disk import SmallDisk


def segments(server, directory=None):
    return sorted((directory or server.data / "audit").glob("*.log"))


def lines(server, directory=None):
    """Every line of the log, parsed."""
    return [json.loads(line) for path in segments(server, directory) for line in path.read_bytes().splitlines()]


def events(server, operation=None, directory=None):
    found = [line for line in lines(server, directory) if line["type"] not in ("checkpoint", "gap")]
    return [line for line in found if operation in (None, line["operation"])]


def audit(server, *arguments, check=True):
    """Runs `strongroom audit …`: on the files alone, without the server's credentials."""
    command = [binary(), "audit", *map(str, arguments), "--data", server.data]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def verified(server):
    report = json.loads(audit(server, "verify", "--json").stdout)
    assert report["sound"] and not report["findings"], report
    return report


def test_every_key_operation_is_on_the_log_when_it_is_answered(server, kms):
    cmk = kms.create_key(Description="audited")["KeyMetadata"]["Arn"]
    context = {"invoice": "4711", "department": "sales"}
    calls = [
        ("DescribeKey", lambda: kms.describe_key(KeyId=cmk)),
        ("CreateAlias", lambda: kms.create_alias(AliasName="alias/audited", TargetKeyId=cmk)),
        ("TagResource", lambda: kms.tag_resource(KeyId=cmk, Tags=[{"TagKey": "a", "TagValue": "b"}])),
        ("GenerateDataKey", lambda: kms.generate_data_key(KeyId=cmk, KeySpec="AES_256", EncryptionContext=context)),
        ("Encrypt", lambda: kms.encrypt(KeyId=cmk, Plaintext=b"x", EncryptionContext=context)),
        ("GenerateRandom", lambda: kms.generate_random(NumberOfBytes=32)),
        ("ListKeys", lambda: kms.list_keys()),
        ("DisableKey", lambda: kms.disable_key(KeyId=cmk)),
        ("EnableKey", lambda: kms.enable_key(KeyId=cmk)),
        ("ScheduleKeyDeletion", lambda: kms.schedule_key_deletion(KeyId=cmk, PendingWindowInDays=7)),
        ("CancelKeyDeletion", lambda: kms.cancel_key_deletion(KeyId=cmk)),
    ]
    for operation, call in calls:
        reply = call()
        event = events(server)[-1]
        assert (event["operation"], event["outcome"]) == (operation, "ok"), event
        assert event["request_id"] == reply["ResponseMetadata"]["RequestId"], operation
        assert event["via"] == "kms" and event["who"]["access_key"] == server.access_key
        assert event["who"]["secure"] is True and event["who"]["source_ip"] == "127.0.0.1"
        assert event["who"]["user_agent"].startswith("Boto3/") and event["who"]["arn"].endswith(":root")
        if operation not in ("GenerateRandom", "ListKeys"):
            assert event.get("key", {}).get("arn") == cmk or event["details"], event
        if operation in ("GenerateDataKey", "Encrypt"):
            assert event["context"] == dict(sorted(context.items())) and event["key"]["version"] == 1
    verified(server)


def test_refusals_are_on_the_log_as_well(server, kms):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    credentials = identities.make_user(server, "audit-nobody")
    nobody = keys.client(server, credentials)
    for operation, call in (
        ("Encrypt", lambda: nobody.encrypt(KeyId=cmk, Plaintext=b"x")),
        ("DisableKey", lambda: nobody.disable_key(KeyId=cmk)),
        ("GenerateDataKey", lambda: nobody.generate_data_key(KeyId="alias/of-nobody", KeySpec="AES_256")),
    ):
        with pytest.raises(ClientError) as error:
            call()
        event = events(server)[-1]
        assert (event["operation"], event["outcome"]) == (operation, "denied"), event
        assert event["who"]["access_key"] == credentials[0]
        assert event["who"]["arn"].endswith("user/audit-nobody")
        assert event["request_id"] == error.value.response["ResponseMetadata"]["RequestId"]
    kms.disable_key(KeyId=cmk)
    with pytest.raises(ClientError):
        kms.encrypt(KeyId=cmk, Plaintext=b"x")
    event = events(server)[-1]
    assert (event["operation"], event["outcome"], event["error"]) == ("Encrypt", "failed", "Disabled")


def test_objects_use_keys_under_the_request_that_asked(server, s3, bucket, cmk):
    reply = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    event = events(server, "GenerateDataKey")[-1]
    assert event["request_id"] == reply["ResponseMetadata"]["RequestId"]
    assert event["via"] == "s3" and event["key"]["arn"] == cmk and event["trace"] == "createDataKey"
    reply = s3.get_object(Bucket=bucket, Key="k")
    event = events(server, "Decrypt")[-1]
    assert event["request_id"] == reply["ResponseMetadata"]["RequestId"] and event["key"]["arn"] == cmk


def test_the_server_s_own_life_is_on_the_log(make_server):
    server = make_server()
    server.restart()
    assert [event["operation"] for event in events(server)].count("StartServer") == 2
    assert server.stop() == 0
    report = verified(server)
    assert report["closed"] and events(server)[-1]["operation"] == "StopServer"
    reasons = [line["reason"] for line in lines(server) if line["type"] == "checkpoint"]
    assert reasons == ["begin", "stop", "start", "stop"]
    assert lines(server)[-1]["type"] == "checkpoint"


def test_a_killed_server_leaves_a_log_that_verifies_and_goes_on(make_server):
    server = make_server()
    kms = clients.kms(server)
    cmk = kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(3):
        answered, stop = Counter(), threading.Event()

        def load():
            client = clients.kms(server)
            while not stop.is_set():
                try:
                    reply = client.generate_data_key(KeyId=cmk, KeySpec="AES_256")
                    answered[reply["ResponseMetadata"]["RequestId"]] += 1
                except Exception:
                    return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        while sum(answered.values()) < 40:
            assert any(thread.is_alive() for thread in threads)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        report = verified(server)
        assert not report["closed"]
        on_the_log = {event["request_id"] for event in events(server, "GenerateDataKey")}
        assert set(answered) <= on_the_log, "no key without its event"
        server.start()
        verified(server)


def test_no_secret_is_on_the_log(server, s3, kms, bucket, cmk):
    data_key = kms.generate_data_key(KeyId=cmk, KeySpec="AES_256")
    kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])
    kms.encrypt(KeyId=cmk, Plaintext=b"a plaintext of the audit's tests")
    secrets.note(data_key["Plaintext"])
    secrets.note(b"a plaintext of the audit's tests")
    secrets.note(server.secret_key)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    for segment in segments(server):
        assert secrets.found_in(segment) == []
        assert data_key["CiphertextBlob"].hex() not in segment.read_text()


@pytest.fixture
def small_disk(tmp_path):
    """A file system in memory that can be filled."""
    disk = SmallDisk(tmp_path / "small", "2m")
    yield disk
    disk.unmount()


def logging_to(make_server, disk, *arguments):
    """A server whose audit log is on the small disk."""
    server = make_server("--audit-dir", str(disk.path / "log"), *arguments, start=False)
    server.enter = disk.enter
    return server.start()


def fill_until_refused(disk, call):
    """What is left in the last page of the log is used up first."""
    disk.fill()
    for _ in range(40):
        try:
            call()
        except ClientError as error:
            return error.response
    raise AssertionError("a full disk takes events")


def test_an_audit_log_without_room_refuses_keys_and_recovers_by_itself(make_server, small_disk):
    server = logging_to(make_server, small_disk)
    s3, kms = clients.s3(server), clients.kms(server)
    s3.create_bucket(Bucket="bucket")
    sealed = {"ServerSideEncryption": "aws:kms"}
    through = sealed | {"BucketKeyEnabled": True}
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    for name, how in (("sealed", sealed), ("through", through), ("doomed", through), ("customer", customer), ("plain", {})):
        s3.put_object(Bucket="bucket", Key=name, Body=name.encode(), **how)
    assert s3.get_object(Bucket="bucket", Key="through")["Body"].read() == b"through"
    cmk = kms.create_key()["KeyMetadata"]["KeyId"]

    refusal = fill_until_refused(small_disk, lambda: kms.generate_data_key(KeyId=cmk, KeySpec="AES_256"))
    assert refusal["ResponseMetadata"]["HTTPStatusCode"] >= 500 and "Plaintext" not in refusal
    for call in (
        lambda: s3.put_object(Bucket="bucket", Key="new", Body=b"x", **sealed),
        lambda: s3.get_object(Bucket="bucket", Key="sealed"),
        # The bucket key lies in memory for who asks, and is used as little.
        lambda: s3.put_object(Bucket="bucket", Key="new", Body=b"x", **through),
        lambda: s3.get_object(Bucket="bucket", Key="through"),
        lambda: s3.copy_object(Bucket="bucket", Key="new", CopySource="bucket/through"),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert server.counted("strongroom_audit_events_total", result="refused") >= 3
    # What needs no key goes on.
    assert s3.get_object(Bucket="bucket", Key="plain")["Body"].read() == b"plain"
    s3.put_object(Bucket="bucket", Key="plain-2", Body=b"x")
    s3.put_object(Bucket="bucket", Key="customer-2", Body=b"x", **customer)
    assert s3.get_object(Bucket="bucket", Key="customer", **customer)["Body"].read() == b"customer"
    for name in ("sealed", "through"):
        assert s3.head_object(Bucket="bucket", Key=name)["ServerSideEncryption"] == "aws:kms"
    s3.delete_object(Bucket="bucket", Key="doomed")
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]}
    assert there == {"sealed", "through", "customer", "customer-2", "plain", "plain-2"}

    small_disk.free()
    # The first to come brings the log back, also one that asks no key service; and is on it.
    requests_before = server.kms_requests("Decrypt")
    assert s3.get_object(Bucket="bucket", Key="through")["Body"].read() == b"through"
    assert server.kms_requests("Decrypt") == requests_before
    s3.put_object(Bucket="bucket", Key="again", Body=b"x", **through)
    kept = [line for line in lines(server, small_disk.seen / "log") if line.get("details", {}).get("cached")]
    assert [(line["operation"], line["outcome"]) for line in kept] == [("Decrypt", "ok")]
    assert s3.get_object(Bucket="bucket", Key="sealed")["Body"].read() == b"sealed"
    s3.put_object(Bucket="bucket", Key="new", Body=b"x", **sealed)
    gaps = [line for line in lines(server, small_disk.seen / "log") if line["type"] == "gap"]
    assert sum(gap["events"] for gap in gaps) >= 3 and all(gap["required"] for gap in gaps)
    done = subprocess.run([binary(), "audit", "verify", "--dir", small_disk.seen / "log", "--json"], capture_output=True)
    assert json.loads(done.stdout)["sound"], done.stdout


def test_a_change_that_cannot_be_written_down_is_not_made(make_server, small_disk):
    server = logging_to(make_server, small_disk)
    kms, dew = keys.client(server, attempts=1), huawei.kms(server)
    made = keys.make(kms)
    key, root = made["KeyId"], f"arn:aws:iam::{made['AWSAccountId']}:root"
    policy = kms.get_key_policy(KeyId=key)["Policy"]
    fill_until_refused(small_disk, lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))
    other = policy.replace("kms:*", "kms:D*")
    for call, members in (
        (kms.disable_key, {}),
        (kms.schedule_key_deletion, {}),
        (kms.put_key_policy, {"Policy": other, "BypassPolicyLockoutSafetyCheck": True}),
        (kms.create_grant, {"GranteePrincipal": root, "Operations": ["Decrypt"]}),
        (kms.enable_key_rotation, {}),
        (kms.rotate_key_on_demand, {}),
        (kms.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ):
        keys.refused(call, "DependencyTimeoutException", KeyId=key, **members)
    keys.refused(kms.create_key, "DependencyTimeoutException")
    keys.refused(kms.create_alias, "DependencyTimeoutException", AliasName="alias/unwritten", TargetKeyId=key)
    for operation, members in (("disable_key", {}), ("delete_key", {"pending_days": "7"}), ("rotate_on_demand", {})):
        with pytest.raises(ServerResponseException) as error:
            huawei.ask(dew, operation, key_id=key, **members)
        assert (error.value.status_code, error.value.error_code) == (503, "KMS.0104")

    small_disk.free()
    assert keys.state(kms, key) == "Enabled" and [entry["KeyId"] for entry in kms.list_keys()["Keys"]] == [key]
    assert kms.get_key_policy(KeyId=key)["Policy"] == policy
    assert kms.list_grants(KeyId=key)["Grants"] == [] and kms.list_aliases(KeyId=key)["Aliases"] == []
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert len(kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]) == 1
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []
    reply = kms.disable_key(KeyId=key)
    told = events(server, "DisableKey", small_disk.seen / "log")
    assert [event["outcome"] for event in told] == ["begun", "ok"]
    assert {event["request_id"] for event in told} == {reply["ResponseMetadata"]["RequestId"]}
    assert all(event["key"]["arn"] == made["Arn"] and event["who"]["access_key"] == server.access_key for event in told)
    with pytest.raises(ClientError):
        kms.encrypt(KeyId=key, Plaintext=b"x")


def test_where_the_log_is_not_required_keys_are_handed_out_and_the_gap_is_told(make_server, small_disk):
    server = logging_to(make_server, small_disk, "--audit-required", "off")
    kms = clients.kms(server)
    cmk = kms.create_key()["KeyMetadata"]["KeyId"]
    small_disk.fill()
    for _ in range(30):
        assert kms.generate_data_key(KeyId=cmk, KeySpec="AES_256")["Plaintext"]
    lost = server.counted("strongroom_audit_events_total", result="lost")
    assert lost > 0 and "the audit log cannot be written" in server.log()
    small_disk.free()
    kms.generate_data_key(KeyId=cmk, KeySpec="AES_256")
    gaps = [line for line in lines(server, small_disk.seen / "log") if line["type"] == "gap"]
    assert sum(gap["events"] for gap in gaps) == lost and not any(gap["required"] for gap in gaps)


def test_a_server_does_not_go_on_after_a_log_that_is_missing_cut_or_another_s(make_server):
    server, other = make_server(), make_server()
    assert server.stop() == 0 and other.stop() == 0
    log, kept = server.data / "audit", server.directory / "kept"
    shutil.copytree(log, kept)

    def refused(words):
        with pytest.raises(StartFailed) as failed:
            server.start()
        assert failed.value.code == 1, failed.value
        message = server.log().strip().splitlines()[-1]
        assert words in message and "--audit-accept-loss on" in message and "audit verify" in message, message

    def put(files):
        shutil.rmtree(log, ignore_errors=True)
        shutil.copytree(files, log)

    shutil.rmtree(log)
    refused("is missing")
    put(kept)
    segment = segments(server)[-1]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))
    refused("truncated")
    put(other.data / "audit")
    refused("bad-head")
    put(kept)
    server.start()
    assert server.stop() == 0
    verified(server)

    # The way out is said, taken once, and seen for ever.
    segment = segments(server)[-1]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-2]))
    refused("truncated")
    server.arguments += ["--audit-accept-loss", "on"]
    server.start()
    assert server.stop() == 0
    del server.arguments[-2:]
    server.start()
    report = json.loads(audit(server, "verify", "--json", check=False).stdout)
    assert [finding["kind"] for finding in report["findings"]] == ["lost"]
    done = audit(server, "verify", check=False)
    assert done.returncode == 1 and "NOT SOUND" in done.stdout and "accepted by the operator" in done.stdout


def test_access_to_objects_is_recorded_where_it_is_asked_for(make_server):
    server = make_server("--audit-objects", "all")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="bucket")
    write = {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}
    put = s3.put_object(Bucket="bucket", Key="folder/k", Body=b"x", **write)
    got = s3.get_object(Bucket="bucket", Key="folder/k")
    by_request = {event["request_id"]: event for event in events(server) if event["type"] == "object-access"}
    written, read = (by_request[reply["ResponseMetadata"]["RequestId"]] for reply in (put, got))
    assert (written["operation"], read["operation"]) == ("PutObject", "GetObject")
    for event in (written, read):
        assert event["object"]["bucket"] == "bucket" and event["object"]["object"] == "folder/k"
        assert event["object"]["method"] == "sse-kms" and event["key"]["arn"] == put["SSEKMSKeyId"]
        assert event["outcome"] == "ok" and event["details"]["status"] == "200"
    assert written["object"]["bucket_key"] == read["object"]["bucket_key"], "joins accesses under one bucket key"
    s3.put_object(Bucket="bucket", Key="plain", Body=b"x")
    assert events(server)[-1]["object"]["method"] == "none"
    assert requests.get(f"{server.objects()}/bucket/folder/k", timeout=10).status_code == 403
    event = events(server)[-1]
    assert (event["outcome"], event["error"], event["who"]["principal"]) == ("denied", "AccessDenied", "anonymous")
    forged = boto3.client(
        "s3", endpoint_url=server.objects(), region_name="local-1", aws_access_key_id=server.access_key,
        aws_secret_access_key="not the secret key of this access key!!",
    )  # fmt: skip
    with pytest.raises(ClientError):
        forged.get_object(Bucket="bucket", Key="plain")
    event = events(server)[-1]
    assert event["who"]["principal"] == "unauthenticated" and "access_key" not in event["who"]
    assert event["details"]["claimed_access_key"] == server.access_key and event["outcome"] == "denied"
    server.arguments[-1] = "sealed"
    server.restart()
    before = len(events(server))
    s3.get_object(Bucket="bucket", Key="plain")
    s3.head_object(Bucket="bucket", Key="folder/k")
    fresh = [event["operation"] for event in events(server)[before:] if event["type"] == "object-access"]
    assert fresh == ["HeadObject"]


def test_without_room_access_to_objects_is_refused_where_it_must_be_recorded(make_server, small_disk):
    server = logging_to(make_server, small_disk, "--audit-objects", "all")
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="plain", Body=b"plain")
    refusal = fill_until_refused(small_disk, lambda: s3.get_object(Bucket="bucket", Key="plain"))
    assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 503
    small_disk.free()
    assert s3.get_object(Bucket="bucket", Key="plain")["Body"].read() == b"plain"


def test_huawei_s_api_is_recorded_under_its_trace_names(server):
    made = huawei.ask(huawei.kms(server), "create_key", key_alias="audited-by-huawei")
    event = events(server, "CreateKey")[-1]
    assert event["via"] == "huawei-kms" and event["trace"] == "createKey"
    assert made.key_info.key_id in event.get("key", {}).get("arn", "") or event["details"]


def test_the_log_is_closed_to_others_and_the_public_key_fits(server):
    log = server.data / "audit"
    assert log.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in log.iterdir())
    head, fingerprint = audit(server, "head").stdout.strip(), audit(server, "head").stderr.split()[-1]
    assert int(head.split(":")[0]) <= server.counted("strongroom_audit_seq")
    audit(server, "verify", "--public-key", log / "public-key", "--expect-head", head)
    assert json.loads(audit(server, "verify", "--json").stdout)["public_key"] == fingerprint
