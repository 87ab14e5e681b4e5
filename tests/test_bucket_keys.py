"""Bucket keys: where they are asked for and who says so, in both dialects; what they cost the key service, for whom; and
that a key in the cache is nobody's right."""

import csv
import io
import json
import re
import uuid

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, identities, signing
from harness.identities import allow
from harness.sse import MIB, body
from test_admin_api import As
from test_kms_api import Counted
from test_metering import answer, call
from test_post_form import post, signed
from test_sse_rules import Dialect, expect

USE = ["kms:GenerateDataKey", "kms:Decrypt"]
PART = 5 * MIB


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


def name(prefix="b"):
    return f"{prefix}-{uuid.uuid4().hex[:16]}"


def document(dialect, cmk, flag):
    """The default encryption of a bucket: SSE-KMS, with the bucket-key flag or without a word of it."""
    enabled = "" if flag is None else f"<BucketKeyEnabled>{str(flag).lower()}</BucketKeyEnabled>"
    return (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{dialect.kms}</SSEAlgorithm><KMSMasterKeyID>{cmk}</KMSMasterKeyID>"
        f"</ApplyServerSideEncryptionByDefault>{enabled}</Rule></ServerSideEncryptionConfiguration>"
    ).encode()


def set_default(server, dialect, bucket, cmk, flag):
    reply = dialect.send(
        server, "PUT", bucket, body=document(dialect, cmk, flag), query=[("encryption", None)],
        headers={"Content-Type": "application/xml"},
    )  # fmt: skip
    expect(reply, 200)


def shows(dialect, reply, flag, status=200):
    """The answer tells of the bucket key where there is one, and is silent where there is none."""
    expect(reply, status)
    assert reply.headers.get(dialect.bucket_key) == ("true" if flag else None), reply.headers
    assert reply.headers[dialect.method] == dialect.kms
    return reply


def write(server, s3, dialect, way, bucket, headers):
    """Writes `k` in one of the ways; every answer on the way is given back."""
    if way == "put":
        return [dialect.send(server, "PUT", bucket, "k", b"hello", headers)]
    if way == "copy":
        s3.put_object(Bucket=bucket, Key="source", Body=b"hello", ServerSideEncryption="AES256")
        return [dialect.send(server, "PUT", bucket, "k", headers=headers | dialect.copy_source(bucket, "source"))]
    if way == "post":
        scheme = {"s3": "v4", "obs": "obs"}[dialect.name]
        fields = signed(server, scheme, {"key": "k"} | headers, [["eq", "$bucket", bucket], ["eq", "$key", "k"]]
                        + [["eq", f"${field}", value] for field, value in headers.items()])  # fmt: skip
        sent = post(server, bucket, fields, b"hello")
        return [signing.Reply(sent.status_code, {k.lower(): v for k, v in sent.headers.items()}, sent.content)]
    assert way == "multipart", way
    created = dialect.send(server, "POST", bucket, "k", headers=headers, query=[("uploads", None)])
    upload = re.search(rb"<UploadId>(.*?)</UploadId>", expect(created, 200).body)[1].decode()
    part = dialect.send(server, "PUT", bucket, "k", b"hello", query=[("partNumber", "1"), ("uploadId", upload)])
    parts = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    done = dialect.send(
        server, "POST", bucket, "k", f"{parts}</CompleteMultipartUpload>".encode(), query=[("uploadId", upload)]
    )  # fmt: skip
    return [created, part, done]


# ---- who says whether ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["put", "copy", "post", "multipart"])
@pytest.mark.parametrize("header", [None, True, False], ids=["no-header", "header-true", "header-false"])
@pytest.mark.parametrize("default", [None, True, False], ids=["no-default", "default-true", "default-false"])
def test_the_header_overrides_the_bucket_in_both_directions(server, s3, cmk, bucket, dialect, way, header, default):
    """On every way to write. Without a header the bucket's flag counts; in OBS not where the request names the method."""
    headers = {} if header is None else {dialect.bucket_key: str(header).lower()}
    if default is not None:
        set_default(server, dialect, bucket, cmk, default)
    explicit = {dialect.method: dialect.kms, dialect.key_id: cmk}
    for said in [explicit] if default is None else [{}, explicit]:
        inherits = not said or dialect.name == "s3"
        wanted = header if header is not None else inherits and bool(default)
        for reply in write(server, s3, dialect, way, bucket, headers | said):
            shows(dialect, reply, wanted, 204 if way == "post" else 200)
        shows(dialect, dialect.send(server, "HEAD", bucket, "k", tls=True), wanted)
        got = shows(dialect, dialect.send(server, "GET", bucket, "k", tls=True), wanted)
        assert got.body == b"hello"


@pytest.mark.parametrize("flag", [True, False, None])
def test_a_bucket_s_flag_comes_back_as_it_was_set(server, s3, cmk, bucket, dialect, flag):
    set_default(server, dialect, bucket, cmk, flag)
    text = expect(dialect.send(server, "GET", bucket, query=[("encryption", None)]), 200).body.decode()
    shown = re.findall("<BucketKeyEnabled>(.*?)</BucketKeyEnabled>", text)
    assert shown == ([] if flag is None and dialect.name == "obs" else [str(bool(flag)).lower()])
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"] == bool(flag)


def test_creation_of_a_bucket_takes_the_flag(server, cmk):
    d, made = Dialect("obs"), name()
    rotation = "x-obs-server-side-encryption-bucket-key-rotation-period"
    headers = {d.method: "kms", d.key_id: cmk, d.bucket_key: "true", rotation: "30"}
    expect(d.send(server, "PUT", made, headers=headers), 200)
    shows(d, d.send(server, "PUT", made, "k", b"x", tls=True), True)
    text = expect(d.send(server, "GET", made, query=[("encryption", None)]), 200).body.decode()
    assert "<BucketKeyEnabled>true</BucketKeyEnabled>" in text
    assert "<BucketKeyRotationPeriod>30</BucketKeyRotationPeriod>" in text


def test_the_source_of_a_copy_says_nothing_about_its_target(server, s3, cmk, bucket, dialect):
    kms = {dialect.method: dialect.kms, dialect.key_id: cmk}
    expect(dialect.send(server, "PUT", bucket, "source", b"x", kms | {dialect.bucket_key: "true"}), 200)
    copied = dialect.send(server, "PUT", bucket, "k", headers=kms | dialect.copy_source(bucket, "source"))
    shows(dialect, copied, False)
    # Onto itself with the header: an old object gets a bucket key, or loses it.
    for flag in (True, False):
        headers = kms | dialect.copy_source(bucket, "k") | {dialect.bucket_key: str(flag).lower()}
        shows(dialect, dialect.send(server, "PUT", bucket, "k", headers=headers), flag)


def test_objects_stay_readable_after_the_setting_and_the_cache_are_gone(server, s3, cmk, bucket, dialect):
    set_default(server, dialect, bucket, cmk, True)
    shows(dialect, dialect.send(server, "PUT", bucket, "k", b"hello"), True)
    s3.delete_bucket_encryption(Bucket=bucket)
    server.restart()
    got = shows(dialect, dialect.send(server, "GET", bucket, "k", tls=True), True)
    assert got.body == b"hello"


# ---- what it costs, and whom -----------------------------------------------------------------------------------------


def person(server, *actions, as_root=None):
    """A user with all rights to buckets and objects, and these to CMKs; credentials and a client."""
    statements = [allow("s3:*")] + ([allow(list(actions))] if actions else [])
    who = name("user")
    credentials = identities.make_user(server, who, statements, as_root)
    return who, credentials, clients.s3(server, access_key=credentials[0], secret_key=credentials[1])


@pytest.fixture
def kms_write(kms):
    """A CMK of the test's own, and how objects are written under it."""
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}


def denied(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "AccessDenied", caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_writer_s_own_reads_head_and_listings_cost_nothing(server, s3, bucket, kms_write):
    with Counted(server) as calls:
        for i in range(10):
            s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", **kms_write)
            assert s3.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read() == b"x"
    assert (calls.generated, calls.unwrapped) == (1, 0)
    server.restart()
    again = clients.s3(server)
    with Counted(server) as cold:
        assert again.list_objects_v2(Bucket=bucket)["KeyCount"] == 10
        again.list_objects(Bucket=bucket)
        for i in range(10):
            assert again.head_object(Bucket=bucket, Key=f"k{i}")["BucketKeyEnabled"] is True
    assert (cold.generated, cold.unwrapped) == (0, 0)


def test_each_requester_obtains_a_key_of_its_own_and_reads_under_its_own_right(server, s3, bucket, kms_write):
    (_, _, one), (_, _, two) = person(server, *USE), person(server, *USE)
    for client, calls in ((s3, 1), (one, 1), (two, 1), (one, 0), (s3, 0)):
        with Counted(server) as puts:
            for i in range(3):
                client.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", **kms_write)
        assert (puts.generated, puts.unwrapped) == (calls, 0)
    # What one wrote the other reads: under its own authority, once for each key.
    one.put_object(Bucket=bucket, Key="of-one", Body=b"x", **kms_write)
    for calls in (1, 0):
        with Counted(server) as gets:
            assert two.get_object(Bucket=bucket, Key="of-one")["Body"].read() == b"x"
        assert (gets.generated, gets.unwrapped) == (0, calls)


def test_a_key_in_the_cache_is_nobody_s_right(server, s3, bucket, kms_write):
    """Without the right to the CMK nothing is written or read, however warm the key; who may only write does not read."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **kms_write)
    s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    _, _, nobody = person(server)
    denied(nobody.put_object, Bucket=bucket, Key="k2", Body=b"x", **kms_write)
    denied(nobody.get_object, Bucket=bucket, Key="k")
    _, _, writer = person(server, "kms:GenerateDataKey")
    writer.put_object(Bucket=bucket, Key="of-writer", Body=b"x", **kms_write)
    denied(writer.get_object, Bucket=bucket, Key="of-writer")
    assert s3.get_object(Bucket=bucket, Key="of-writer")["Body"].read() == b"x"


def test_the_same_user_with_other_permissions_is_another_requester(server, bucket, kms_write):
    who, _, s3 = person(server, *USE)
    iam = clients.iam(server)

    def put():
        with Counted(server) as puts:
            s3.put_object(Bucket=bucket, Key="k", Body=b"x", **kms_write)
        return puts.generated

    assert [put(), put()] == [1, 0]
    more = identities.document(allow("iam:GetUser"))
    iam.put_user_policy(UserName=who, PolicyName="more", PolicyDocument=more)
    assert [put(), put()] == [1, 0]
    # Taken away again, it is the requester it was before.
    iam.delete_user_policy(UserName=who, PolicyName="more")
    assert put() == 0
    # Without the right nothing is served; with the right given back all is as before, and nothing was rewritten.
    iam.put_user_policy(UserName=who, PolicyName="inline", PolicyDocument=identities.document(allow("s3:*")))
    denied(s3.put_object, Bucket=bucket, Key="k", Body=b"y", **kms_write)
    denied(s3.get_object, Bucket=bucket, Key="k")
    both = identities.document(allow("s3:*"), allow(USE))
    iam.put_user_policy(UserName=who, PolicyName="inline", PolicyDocument=both)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    # A group's policy counts like one's own.
    group = name("group")
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=identities.document(allow("iam:GetGroup")))
    put()
    iam.add_user_to_group(GroupName=group, UserName=who)
    assert [put(), put()] == [1, 0]


def test_sessions_of_a_role_share_a_key_unless_they_are_narrowed(server, bucket, kms_write):
    number = clients.sts(server).get_caller_identity()["Account"]
    role = name("role")
    statements = [allow("s3:*"), allow(USE)]
    arn = identities.make_role(server, role, [f"arn:aws:iam::{number}:root"], statements)
    _, credentials, _ = person(server, "sts:AssumeRole")

    def put(session, **more):
        access, secret, token = identities.assume(server, credentials, arn, session, **more)
        s3 = clients.s3(server, access_key=access, secret_key=secret, session_token=token)
        with Counted(server) as puts:
            s3.put_object(Bucket=bucket, Key="k", Body=b"x", **kms_write)
        return puts.generated

    assert [put("monday"), put("tuesday")] == [1, 0]
    narrow = identities.document(allow("s3:*"), allow(USE))
    assert [put("monday", Policy=narrow), put("tuesday", Policy=narrow)] == [1, 0]


def test_a_signed_url_asks_as_its_signer(server, s3, bucket, kms_write):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **kms_write)
    (_, _, reader), (_, _, nobody) = person(server, *USE), person(server)

    def fetch(signer):
        url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        with Counted(server) as calls:
            reply = requests.get(url, verify=str(server.ca), timeout=30)
        return reply.status_code, calls.unwrapped

    assert fetch(nobody)[0] == 403
    assert [fetch(s3), fetch(reader), fetch(reader)] == [(200, 0), (200, 1), (200, 0)]


def test_the_anonymous_read_nothing_that_is_sealed_under_a_cmk(server, s3, bucket, kms_write):
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", **kms_write)
    s3.get_object(Bucket=bucket, Key="sealed")["Body"].read()
    s3.delete_public_access_block(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(statement))
    for key, status in (("plain", 200), ("sealed", 403)):
        reply = requests.get(f"{server.objects(True)}/{bucket}/{key}", verify=str(server.ca), timeout=30)
        assert reply.status_code == status, reply.text


def test_a_part_of_another_requester_is_sealed_under_that_one_s_right(server, bucket, kms_write):
    (_, _, one), (_, _, two), (_, _, nobody) = person(server, *USE), person(server, *USE), person(server)
    upload = one.create_multipart_upload(Bucket=bucket, Key="k", **kms_write)["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    denied(nobody.upload_part, PartNumber=1, Body=b"x", **place)
    parts = []
    for number, client, calls in ((1, two, 1), (2, two, 0), (3, one, 0)):
        with Counted(server) as sent:
            reply = client.upload_part(PartNumber=number, Body=body(PART, number), **place)
        assert reply["BucketKeyEnabled"] is True
        assert (sent.generated, sent.unwrapped) == (0, calls)
        parts.append({"PartNumber": number, "ETag": reply["ETag"]})
    denied(nobody.complete_multipart_upload, MultipartUpload={"Parts": parts}, **place)
    done = one.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    assert done["BucketKeyEnabled"] is True
    assert two.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(body(PART, n) for n in (1, 2, 3))


def test_an_upload_outlives_its_bucket_key(make_server):
    server = make_server("--bucket-key-ttl-seconds", "1")
    s3, kms = clients.s3(server), clients.kms(server)
    write = {
        "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms.create_key()["KeyMetadata"]["KeyId"],
        "BucketKeyEnabled": True,
    }  # fmt: skip
    s3.create_bucket(Bucket="uploads")

    def until_the_next_key():
        before = server.kms_requests("GenerateDataKey")
        for i in range(10_000):
            s3.put_object(Bucket="uploads", Key="other", Body=b"%d" % i, **write)
            if server.kms_requests("GenerateDataKey") >= before + 2:
                return
        pytest.fail("ten thousand writes and still the same bucket key")

    upload = s3.create_multipart_upload(Bucket="uploads", Key="k", **write)["UploadId"]
    place = {"Bucket": "uploads", "Key": "k", "UploadId": upload}
    parts = []
    for number in (1, 2):
        until_the_next_key()
        sent = s3.upload_part(PartNumber=number, Body=body(PART, number), **place)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    until_the_next_key()
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **place)
    until_the_next_key()
    assert s3.get_object(Bucket="uploads", Key="k")["Body"].read() == body(PART, 1) + body(PART, 2)


def test_a_bucket_key_seals_no_more_objects_than_the_setting_says(make_server):
    server = make_server("--sse-bucket-key-objects-max", "3")
    s3, kms = clients.s3(server), clients.kms(server)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="few-each")
    with Counted(server) as puts:
        for i in range(10):
            s3.put_object(
                Bucket="few-each", Key=f"k{i}", Body=b"%d" % i, ServerSideEncryption="aws:kms", SSEKMSKeyId=key,
                BucketKeyEnabled=True,
            )  # fmt: skip
    assert puts.generated == 4
    server.restart()
    s3 = clients.s3(server)
    for i in range(10):
        assert s3.get_object(Bucket="few-each", Key=f"k{i}")["Body"].read() == b"%d" % i


# ---- what is told of it ----------------------------------------------------------------------------------------------

COLUMNS = ["day", "account", "bucket", "key", "operation", "made", "saved"]


def test_calls_made_and_saved_are_told_by_bucket_and_key_and_survive_a_restart(make_server):
    server = make_server()
    s3, kms = clients.s3(server), clients.kms(server)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    bucket, own = name(), identities.make_account(server, name("acme"))
    s3.create_bucket(Bucket=bucket)
    write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    for i in range(10):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x", **write)
    for result, count in (("made", 1), ("saved", 9)):
        counted = server.counted("strongroom_bucket_key_kms_calls_total", operation="GenerateDataKey", result=result)
        assert counted == count
    assert server.counted("strongroom_bucket_keys_cached", use="sealing") == 1
    server.restart()
    s3 = clients.s3(server)
    for i in range(5):
        s3.get_object(Bucket=bucket, Key=f"k{i}")["Body"].read()

    def told(**options):
        rows = answer(call(server, "GET", "usage/bucket-keys", **options), 200)["usage"]
        return {(r["bucket"], r["key"], r["operation"]): (r["made"], r["saved"]) for r in rows}

    wanted = {(bucket, key, "GenerateDataKey"): (1, 9), (bucket, key, "Decrypt"): (1, 4)}
    assert told() == wanted
    assert told(credentials=own.credentials) == {}, "of their own account alone"
    # What was told has been written down: a crash does not lose it.
    server.kill()
    server.start()
    assert told() == wanted
    where = ("--control", server.control(True), "--ca", server.ca)

    def run(*more):
        return clients.strongroom(server, "usage", "bucket-keys", *more, *where).stdout

    rows = json.loads(run("--json"))["usage"]
    assert [sorted(row) for row in rows] == [sorted(COLUMNS)] * 2
    lines = list(csv.reader(io.StringIO(run("--csv"))))
    assert lines[0] == COLUMNS and len(lines) == 3
    assert {(line[4], line[5], line[6]) for line in lines[1:]} == {("GenerateDataKey", "1", "9"), ("Decrypt", "1", "4")}
    assert bucket in run()
