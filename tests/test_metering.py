"""Metering: requests and storage by day and account, over the admin API and the command line; after restarts too."""

import csv
import io
import json
import uuid

import botocore
import pytest
import requests

from harness import clients, identities, signing, sse
from harness.identities import allow
from test_admin_api import As, answer, refused

DAY_COLUMNS = ["day", "account"]
REQUESTS = [*DAY_COLUMNS, "dialect", "operation", "outcome", "requests", "bytes_received", "bytes_sent"]
STORAGE = [*DAY_COLUMNS, "bucket", "method", "key", "objects", "bytes", "sealed_bytes"]
TAG = 16


def name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def acme(server):
    return identities.make_account(server, name("acme"))


def call(server, method, target, credentials=None):
    """Asks the admin API; the parameters stand behind the path."""
    path, _, query = target.partition("?")
    signer = As(server, *credentials) if credentials else server
    parameters = [tuple(pair.split("=")) for pair in query.split("&") if pair]
    request = signing.Request(method, f"/admin/v1/{path}", query=parameters)
    signing.sign_v4(request, signer, service="strongroom")
    return signing.send(request, signer, tls=True, control=True)


def told(server, path, **options):
    return answer(call(server, "GET", path, **options), 200)["usage"]


def counted(server, account, operation, outcome="2xx", dialect="s3"):
    """Requests, bytes received and bytes sent."""
    found = [
        row for row in told(server, "usage/requests")
        if (row["account"], row["operation"], row["outcome"], row["dialect"]) == (account, operation, outcome, dialect)
    ]  # fmt: skip
    assert len(found) <= 1
    return [found[0][column] if found else 0 for column in REQUESTS[-3:]]


def stored(server, bucket, **options):
    """What a bucket holds now: by method and key, objects, bytes and bytes at rest."""
    rows = [row for row in told(server, "usage/storage?now=true", **options) if row["bucket"] == bucket]
    by_method = {(row["method"], row["key"]): (row["objects"], row["bytes"], row["sealed_bytes"]) for row in rows}
    assert len(by_method) == len(rows)
    return by_method


# ---- requests -------------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_account_operation_and_outcome_with_their_bytes_and_survive_restarts(make_server):
    server = make_server()
    acme = identities.make_account(server, name("acme"))
    s3, bucket = identities.s3(server, acme.credentials), name("b")
    s3.create_bucket(Bucket=bucket)
    for size in (1000, 2345):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
    assert len(s3.get_object(Bucket=bucket, Key="k")["Body"].read()) == 2345
    s3.head_object(Bucket=bucket, Key="k")
    with pytest.raises(botocore.exceptions.ClientError):
        s3.get_object(Bucket=bucket, Key="absent")
    wanted = {
        "CreateBucket": (1, None, None), "PutObject": (2, None, 0), "GetObject": (1, 0, 2345), "HeadObject": (1, 0, 0),
    }  # fmt: skip

    def check():
        for operation, expected in wanted.items():
            for seen, want in zip(counted(server, acme.id, operation), expected):
                assert want is None or seen == want, operation
        # A client may frame its body in signed chunks: what came is counted, not what it said.
        assert counted(server, acme.id, "PutObject")[1] >= 3345
        missed = counted(server, acme.id, "GetObject", "4xx")
        assert missed[0] == 1 and missed[2] > 0, "the error document"

    check()
    server.restart()
    check()
    s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-9")["Body"].read()
    wanted["GetObject"] = (2, 0, 2355)
    check()
    # What was told has been written down: a crash does not lose it.
    server.kill()
    server.start()
    check()


def test_who_proved_to_be_nobody_is_counted_as_anonymous_whatever_they_claim(server, acme):
    # Without a signature that says otherwise, a request is OBS's.
    def seen(account):
        return [counted(server, account, "GetObject", "4xx", dialect)[0] for dialect in ("obs", "s3")]

    (unsigned, wrong), mine = seen("anonymous"), seen(acme.id)
    url = f"{server.objects(True)}/{name('absent')}/k"
    assert requests.get(url, verify=str(server.ca), timeout=30).status_code in (403, 404)
    forged = identities.s3(server, (acme.access_key, "x" * 40))
    with pytest.raises(botocore.exceptions.ClientError):
        forged.get_object(Bucket=name("absent"), Key="k")
    assert seen("anonymous") == [unsigned + 1, wrong + 1]
    assert seen(acme.id) == mine, "nobody runs up another's bill"


def test_the_dialect_is_told(server, bucket):
    account = next(a["id"] for a in answer(call(server, "GET", "accounts"), 200)["accounts"] if a["operator"])
    before = counted(server, account, "PutObject", dialect="obs")[0]
    with_obs = clients.obs(server)
    assert with_obs.putContent(bucket, "k", content="four").status == 200
    assert counted(server, account, "PutObject", dialect="obs")[0] == before + 1


# ---- storage --------------------------------------------------------------------------------------------------------


def test_storage_is_counted_by_method_and_key_through_overwrites_and_deletes(server, s3, bucket, kms):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert stored(server, bucket) == {}
    customer = sse.CustomerKey()
    under = {
        "obs": {"ServerSideEncryption": "AES256"},
        "kms": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key},
        "customer": customer.arguments(),
    }
    for object_name, arguments in under.items():
        s3.put_object(Bucket=bucket, Key=object_name, Body=b"12345", **arguments)
    one = (1, 5, 5 + TAG)
    assert stored(server, bucket) == {("sse-obs", None): one, ("sse-kms", key): one, ("sse-c", None): one}
    # Two segments; then one by another method takes the place of the first.
    s3.put_object(Bucket=bucket, Key="large", Body=b"x" * (sse.SEGMENT + 1), **under["kms"])
    large = (2, 5 + sse.SEGMENT + 1, 5 + sse.SEGMENT + 1 + 3 * TAG)
    assert stored(server, bucket)["sse-kms", key] == large
    s3.put_object(Bucket=bucket, Key="customer", Body=b"123", **under["obs"])
    s3.delete_object(Bucket=bucket, Key="kms")
    assert stored(server, bucket) == {
        ("sse-obs", None): (2, 8, 8 + 2 * TAG),
        ("sse-kms", key): (1, sse.SEGMENT + 1, sse.SEGMENT + 1 + 2 * TAG),
    }


def test_an_object_in_parts_is_one_object_with_the_bytes_of_its_parts(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ServerSideEncryption="AES256")["UploadId"]
    sizes, parts = (5 * sse.MIB, 7), []
    for number, size in enumerate(sizes, 1):
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"x" * size)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    assert stored(server, bucket) == {}, "not before it is complete"
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    segments = 5 * sse.MIB // sse.SEGMENT + 1
    assert stored(server, bucket) == {("sse-obs", None): (1, sum(sizes), sum(sizes) + segments * TAG)}


def test_plain_objects_are_told_as_such(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    (method, objects), = stored(server, bucket).items()
    assert method == ("none", None) and objects[:2] == (1, 5)


def test_what_is_stored_now_is_the_same_after_a_restart(make_server):
    server = make_server()
    s3, bucket = clients.s3(server), name("b")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    now = stored(server, bucket)
    assert sum(objects for objects, _, _ in now.values()) == 1
    assert told(server, "usage/storage?from=2020-01-01&to=2020-01-31") == []
    server.restart()
    assert stored(server, bucket) == now


# ---- who is told what -----------------------------------------------------------------------------------------------


def test_an_account_is_told_its_own_use_only(server, s3, bucket, acme):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    own, mine = identities.s3(server, acme.credentials), name("b")
    own.create_bucket(Bucket=mine)
    own.put_object(Bucket=mine, Key="k", Body=b"1")
    for path, column in (("usage/requests", "operation"), ("usage/storage?now=true", "bucket")):
        rows = told(server, path, credentials=acme.credentials)
        assert rows and {row["account"] for row in rows} == {acme.id}, path
        everything = told(server, path)
        assert len({row["account"] for row in everything}) >= 2
        assert {row[column] for row in rows} <= {row[column] for row in everything}
    assert {row["bucket"] for row in told(server, "usage/storage?now=true", credentials=acme.credentials)} == {mine}
    user = identities.make_user(server, name("u"), [allow("s3:*")], as_root=acme.credentials)
    for path in ("usage/requests", "usage/storage", "usage/storage?now=true"):
        refused(call(server, "GET", path, credentials=user), 403, "AccessDenied")


@pytest.mark.parametrize("query", [
    "usage/requests?now=true", "usage/requests?account=x", "usage/requests?from=yesterday", "usage/storage?now=1",
    "usage/storage?now=true&from=2026-01-01", "usage/storage?format=xml", "usage/requests?from=2020-01-01&to=2026-01-01",
])  # fmt: skip
def test_what_is_not_understood_is_refused(server, query):
    refused(call(server, "GET", query), 400, "InvalidInput")


# ---- forms ----------------------------------------------------------------------------------------------------------


def test_csv_has_the_rows_of_the_json(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    for path, columns in (("usage/storage?now=true", STORAGE), ("usage/requests?to=2999-01-01&from=2998-12-31", REQUESTS)):
        reply = call(server, "GET", f"{path}&format=csv")
        assert reply.status == 200 and reply.headers["content-type"] == "text/csv; charset=utf-8"
        text = reply.body.decode()
        assert text.endswith("\r\n") and text.count("\n") == text.count("\r\n")
        heading, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert heading == columns and all(len(row) == len(columns) for row in rows)
        expected = [["" if row[c] is None else str(row[c]) for c in columns] for row in told(server, path)]
        assert rows == expected
    assert bucket in call(server, "GET", "usage/storage?now=true&format=csv").body.decode()


def test_the_command_line_tells_the_same(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    where = ("--control", server.control(True), "--ca", server.ca)

    def run(*arguments, **options):
        return clients.strongroom(server, "usage", *arguments, *where, **options)

    rows = [r for r in json.loads(run("storage", "--now", "--json").stdout)["usage"] if r["bucket"] == bucket]
    assert [row["objects"] for row in rows] == [1]
    line = next(line for line in run("storage", "--now").stdout.splitlines() if bucket in line)
    assert " 5 " in line
    assert next(csv.reader(io.StringIO(run("storage", "--now", "--csv").stdout))) == STORAGE
    assert next(csv.reader(io.StringIO(run("requests", "--csv").stdout))) == REQUESTS
    assert "PutObject" in run("requests").stdout
    assert json.loads(run("requests", "--from", "2020-01-01", "--to", "2020-01-31", "--json").stdout) == {"usage": []}
    assert run("storage", "--now", "--from", "2020-01-01", check=False).returncode == 2
