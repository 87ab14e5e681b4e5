"""The encryption inventory: how each object of a bucket is sealed, as comma-separated values and as Parquet; and what needs
which version of a CMK."""

import csv
import io
import json
import uuid
from datetime import datetime
from urllib.parse import quote, unquote

import pytest
from pyarrow import parquet

from harness import cli, identities

NAMES = ["a/b c", "=1+1", '"quoted",', "-x", "ü"]


@pytest.fixture(scope="module")
def filled(server, s3, cmk):
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=NAMES[0], Body=b"plain")
    s3.put_object(Bucket=bucket, Key=NAMES[1], Body=b"obs", ServerSideEncryption="AES256")
    s3.put_object(Bucket=bucket, Key=NAMES[2], Body=b"kms", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    s3.put_object(
        Bucket=bucket, Key=NAMES[3], Body=b"key", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, BucketKeyEnabled=True
    )
    s3.put_object(Bucket=bucket, Key=NAMES[4], Body=b"sse-c", SSECustomerAlgorithm="AES256", SSECustomerKey=b"7" * 32)
    return bucket


def rows(text):
    return {row["name"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_each_object_and_how_it_is_sealed(server, s3, cmk, filled):
    text = cli.run(server, "inventory", "--bucket", filled).stdout
    told = rows(text)
    assert [unquote(name) for name in told] == sorted(NAMES, key=str.encode)
    assert set(told) == {"a/b%20c", "%3D1%2B1", "%22quoted%22%2C", "%2Dx", "%C3%BC"}
    plain, obs, kms = told["a/b%20c"], told["%3D1%2B1"], told["%22quoted%22%2C"]
    assert (plain["method"], plain["cipher"], plain["size"]) == ("none", "", "5")
    assert plain["etag"] == s3.head_object(Bucket=filled, Key=NAMES[0])["ETag"].strip('"')
    assert (obs["method"], obs["cipher"], obs["cmk"], obs["bucket_key"]) == ("sse-obs", "AES256", "", "")
    assert (kms["method"], kms["cmk"], kms["cmk_version"], kms["bucket_key"]) == ("sse-kms", cmk, "1", "false")
    assert told["%2Dx"]["bucket_key"] == "true" and len(told["%2Dx"]["bucket_key_id"]) == 32
    assert told["%C3%BC"]["method"] == "sse-c"
    for line in text.splitlines():
        assert line[0] not in "=+-@"


def test_a_file_is_written_once(server, filled, tmp_path):
    path = tmp_path / "inventory.csv"
    said = cli.run(server, "inventory", "--bucket", filled, "--output", path).stdout
    assert said == f"5 objects: {path}\n" and path.stat().st_mode & 0o777 == 0o600
    assert len(rows(path.read_text())) == 5
    cli.refused(server, "inventory", "--bucket", filled, "--output", path, code="exists")


def test_parquet_says_the_same_with_types(server, filled, tmp_path):
    path = tmp_path / "inventory.parquet"
    said = cli.run(server, "inventory", "--bucket", filled, "--format", "parquet", "--output", path).stdout
    assert said == f"5 objects: {path}\n" and path.stat().st_mode & 0o777 == 0o600
    table = parquet.read_table(path).to_pylist()
    assert [row["name"] for row in table] == sorted(NAMES, key=str.encode)
    told = rows(cli.run(server, "inventory", "--bucket", filled).stdout)
    assert list(table[0]) == list(next(iter(told.values())))

    def text(value):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    for row, line in zip(table, told.values(), strict=True):
        row["name"] = quote(row["name"], safe="/~_.").replace("-", "%2D")
        written = row.pop("last_modified")
        assert written == datetime.fromisoformat(line.pop("last_modified"))
        assert {name: text(value) for name, value in row.items()} == line


def test_parquet_is_one_thing_json_another(server, filled):
    done = cli.run(server, "inventory", "--bucket", filled, "--format", "parquet", "--json", check=False)
    assert done.returncode == 2 and "--json" in done.stderr and done.stdout == ""


def test_pages_go_on_where_the_last_one_ended(server, s3):
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    names = [f"object {n:04}&/=?" for n in range(1003)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    told = [json.loads(line) for line in cli.run(server, "inventory", "--bucket", bucket, "--json").stdout.splitlines()]
    assert [row["name"] for row in told] == names


def test_it_asks_for_two_rights(server, filled):
    cli.refused(server, "inventory", "--bucket", "no-such-bucket-here", code="NoSuchBucket")
    account = identities.make_account(server, f"acc-{uuid.uuid4().hex[:12]}")
    cli.refused(server, "inventory", "--bucket", filled, code="AccessDenied", credentials=account.credentials)


def test_impact_by_version(server, s3, kms):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    sealed = dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.put_object(Bucket=bucket, Key="old", Body=b"12345", **sealed)
    kms.rotate_key_on_demand(KeyId=key)
    s3.put_object(Bucket=bucket, Key="new", Body=b"123", **sealed)
    s3.put_object(Bucket=bucket, Key="newer", Body=b"1", **sealed)
    counted = [(row["version"], row["objects"], row["bytes"]) for row in cli.parsed(server, "kms", "impact", key, "--by-version")]
    assert counted == [(1, 1, 5), (2, 2, 4)]
    assert cli.parsed(server, "kms", "impact", key, "--version", 1)["objects"] == 1
    assert cli.parsed(server, "kms", "impact", key)["objects"] == 3
    assert "version" in cli.run(server, "kms", "impact", key, "--by-version").stdout.splitlines()[0]
    assert cli.run(server, "kms", "impact", key, "--version", 0, check=False).returncode == 2
