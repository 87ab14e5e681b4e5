"""Rewrap jobs: after a rotation everything needs the newest version, onto another key nothing needs the old one; a job goes
on after `kill -9`, and somebody without the right to the key starts none."""

import itertools
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import cli, clients, identities, keys
from harness.identities import allow, document

SECONDS_MAX = 60


def under(key, bucket_key=False):
    return dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=key["Arn"], BucketKeyEnabled=bucket_key)


def put_all(s3, bucket, names, **how):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: s3.put_object(Bucket=bucket, Key=name, Body=name.encode(), **how), names))


def told(head):
    return {name: head[name] for name in ("ETag", "LastModified", "ContentLength", "ServerSideEncryption", "SSEKMSKeyId")}


def rotated(server, kms, key):
    cli.run(server, "kms", "rotate", "now", key["KeyId"])


def events(server, operation):
    """What is on the audit log of an operation."""
    lines = [json.loads(line) for path in sorted((server.data / "audit").glob("*.log")) for line in path.read_bytes().splitlines()]
    return [line for line in lines if line.get("operation") == operation]


def ended(server, job):
    return cli.parsed(server, "rewrap", "status", job, "--wait")


def test_after_a_rotation_nothing_needs_the_old_version(server, s3, bucket):
    kms = keys.client(server)
    key = keys.make(kms)
    names = [f"direct/{n}" for n in range(20)]
    through = [f"through/{n}" for n in range(20)]
    put_all(s3, bucket, names, **under(key))
    put_all(s3, bucket, through, **under(key, True))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="upload", **under(key))["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="upload", UploadId=upload, PartNumber=1, Body=b"one")["ETag"]
    before = {name: told(s3.head_object(Bucket=bucket, Key=name)) for name in names + through}
    rotated(server, kms, key)

    would = cli.parsed(server, "rewrap", "start", key["KeyId"], "--dry-run")["totals"]
    assert (would["objects"], would["uploads"], would["bucket_keys"], would["served_by_bucket_keys"]) == (20, 1, 1, 20)
    assert cli.parsed(server, "rewrap", "list")["jobs"] == [], "a dry run leaves no job"

    said = cli.run(server, "rewrap", "start", key["KeyId"], "--wait").stdout
    assert "state          done\n" in said and "objects        20 of 20" in said, said
    assert f"0 objects and 0 bucket keys still need version 1 of key {key['KeyId']}\n" in said
    job = cli.parsed(server, "rewrap", "list")["jobs"][0]
    assert job["evidence"]["complete"] and job["counts"]["failed"] == job["counts"]["refused"] == 0
    assert [(of["version"], of["objects"], of["uploads"], of["bucket_keys"]) for of in job["evidence"]["needs"]] == [(2, 40, 1, 1)]

    assert {name: told(s3.head_object(Bucket=bucket, Key=name)) for name in names + through} == before
    for name in names + through:
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode()
    s3.complete_multipart_upload(Bucket=bucket, Key="upload", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert s3.get_object(Bucket=bucket, Key="upload")["Body"].read() == b"one"

    # Its life is on record, and each use of the key was a job's, in the name of who started it.
    end = [event for event in events(server, "EndRewrapJob") if event["details"]["job"] == job["id"]]
    assert len(end) == 1 and end[0]["who"]["principal"] == job["acts_as"] and end[0]["details"]["objects"] == "20"
    assert len(events(server, "StartRewrapJob")) == 1
    assert {event["who"]["principal"] for event in events(server, "Encrypt") if event["via"] == "job"} == {job["acts_as"]}


def test_a_killed_job_goes_on_by_itself(make_server):
    server = make_server()
    s3, kms = clients.s3(server), keys.client(server)
    s3.create_bucket(Bucket="kept")
    old, new = keys.make(kms), keys.make(kms)
    names = [f"{n:04}" for n in range(300)]
    put_all(s3, "kept", names, **under(old))
    job = cli.parsed(server, "rewrap", "start", old["KeyId"], "--to", new["KeyId"], "--rate", "40")["id"]
    deadline = time.monotonic() + SECONDS_MAX
    # Once some way is written, and before the end.
    for _ in itertools.count():
        status = cli.parsed(server, "rewrap", "status", job)
        if status["counts"]["objects"]:
            break
        assert time.monotonic() < deadline, status
    server.kill()
    server.start()
    after = cli.parsed(server, "rewrap", "status", job)
    assert after["state"] == "running" and 0 < after["counts"]["objects"] < 300, after
    # One job at a time for a key.
    cli.refused(server, "rewrap", "start", old["KeyId"], code="JobRunning")
    stopped = cli.parsed(server, "rewrap", "stop", job)
    assert stopped["state"] == "stopped" and stopped["counts"]["objects"] < 300
    assert cli.parsed(server, "rewrap", "resume", job)["state"] == "running"
    done = ended(server, job)
    counts = done["counts"]
    # What was done and not yet written when the server was killed is not under the old key any more: nobody counts it.
    assert done["state"] == "done" and counts["failed"] == 0 and 300 - 80 <= counts["objects"] <= 300, done
    assert done["evidence"]["says"] == [f"0 objects and 0 bucket keys still need key {old['KeyId']}"]
    kms.schedule_key_deletion(KeyId=old["KeyId"], PendingWindowInDays=7)
    for name in names:
        assert s3.get_object(Bucket="kept", Key=name)["Body"].read() == name.encode()


def test_waiting_for_a_job_that_does_not_end_fails(server, s3, bucket):
    kms = keys.client(server)
    old, new = keys.make(kms), keys.make(kms)
    put_all(s3, bucket, [f"{n:02}" for n in range(12)], **under(old))
    job = cli.parsed(server, "rewrap", "start", old["KeyId"], "--to", new["KeyId"], "--rate", "1")["id"]
    kms.disable_key(KeyId=new["KeyId"])
    for wait in (["--wait"], []):
        done = cli.run(server, "rewrap", "status", job, *wait, "--json", check=False)
        said = json.loads(done.stdout)
        assert (done.returncode, said["state"], said["evidence"]) == (1, "paused", None), done
    kms.enable_key(KeyId=new["KeyId"])
    cli.run(server, "rewrap", "resume", job)
    stopped = cli.run(server, "rewrap", "stop", job)
    assert "state          stopped\n" in stopped.stdout
    assert cli.run(server, "rewrap", "status", job).returncode == 0, "a look at what somebody stopped is no failure"
    assert cli.run(server, "rewrap", "status", job, "--wait", check=False).returncode == 1, "but waiting for it is"
    cli.run(server, "rewrap", "start", old["KeyId"], "--to", new["KeyId"], "--wait")


def test_who_may_not_use_the_key_starts_nothing(server, s3, bucket):
    kms = keys.client(server)
    key, other = keys.make(kms), keys.make(kms)
    s3.put_object(Bucket=bucket, Key="o", Body=b"x", **under(key))
    who = identities.make_user(server, f"u-{uuid.uuid4().hex[:8]}", document(allow("s3:*", "*")))
    cli.refused(server, "rewrap", "start", key["Arn"], credentials=who, code="AccessDenied")
    cli.refused(server, "rewrap", "start", key["Arn"], "--dry-run", credentials=who, code="AccessDenied")
    cli.refused(server, "rewrap", "start", key["Arn"], "--to", other["Arn"], credentials=who, code="AccessDenied")
    job = cli.parsed(server, "rewrap", "start", key["Arn"], "--to", other["Arn"])["id"]
    cli.refused(server, "rewrap", "status", job, credentials=who, code="NoSuchJob")
    cli.refused(server, "rewrap", "stop", job, credentials=who, code="NoSuchJob")
    assert cli.parsed(server, "rewrap", "list", credentials=who)["jobs"] == []
    assert ended(server, job)["counts"]["objects"] == 1


def test_key_rights_alone_tell_no_name_and_no_size(server, s3, bucket):
    kms = keys.client(server)
    key = keys.make(kms)
    s3.put_object(Bucket=bucket, Key="secret", Body=b"x", **under(key))
    rights = allow(["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey"], key["Arn"])
    who = identities.make_user(server, f"u-{uuid.uuid4().hex[:8]}", document(rights))
    asked = ["rewrap", "start", key["Arn"], "--bucket", bucket, "--prefix", "sec"]
    cli.refused(server, *asked, "--dry-run", credentials=who, code="NoSuchBucket")
    cli.refused(server, *asked, credentials=who, code="NoSuchBucket")
    assert cli.parsed(server, *asked, "--dry-run")["totals"]["objects"] == 0, "it has the newest version"
    told = [event["details"] for event in events(server, "DryRunRewrapJob") if event["key"]["arn"] == key["Arn"]]
    assert told == [{"bucket": bucket, "prefix": "sec"}]
    assert not [event for event in events(server, "StartRewrapJob") if event["key"]["arn"] == key["Arn"]]


def test_objects_of_sse_s3_come_under_a_key(server, s3, bucket):
    kms = keys.client(server)
    key = keys.make(kms)
    put_all(s3, bucket, ["a/1", "a/2", "b/1"], ServerSideEncryption="AES256")
    said = cli.run(server, "rewrap", "start", "--to", key["KeyId"], "--bucket", bucket, "--prefix", "a/", "--wait").stdout
    assert "0 objects of the job are still under SSE-OBS" in said, said
    methods = {name: s3.head_object(Bucket=bucket, Key=name)["ServerSideEncryption"] for name in ("a/1", "a/2", "b/1")}
    assert methods == {"a/1": "aws:kms", "a/2": "aws:kms", "b/1": "AES256"}
    assert s3.get_object(Bucket=bucket, Key="a/2")["Body"].read() == b"a/2"


@pytest.mark.parametrize("arguments, words", [
    ([], "required"),
    (["KEY", "--bucket-key"], "cannot be used with"),
    (["KEY", "--to", "B", "--copies"], "cannot be used with"),
    (["--to", "B", "--version", "1"], "required"),
    (["KEY", "--prefix", "a/"], "required"),
])  # fmt: skip
def test_contradictions_are_told_by_the_command_line(server, arguments, words):
    done = cli.run(server, "rewrap", "start", *arguments, check=False)
    assert done.returncode == 2 and words in done.stderr, done
