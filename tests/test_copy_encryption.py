"""Copies: every method to every method, in one bucket and across buckets with other defaults and other CMKs; by CopyObject
and UploadPartCopy, in both dialects. Two authorisations, and nothing of the source's encryption in the copy."""

import base64
import json
import uuid

import pytest
from test_sse_rules import Dialect, default, expect, upload_id

from harness import clients, identities
from harness.identities import allow
from harness.keys import refused
from harness.sse import SEGMENT, CustomerKey, body

ONE, TWO = CustomerKey(), CustomerKey()
METHODS = ["plain", "sse-obs", "sse-kms", "sse-kms-bucket-key", "sse-c-1", "sse-c-2"]
# Enough for a part of OBS, 100 KiB.
DATA = body(2 * SEGMENT + 9)


def short(arn):
    return arn.rsplit("/")[-1]


def customer(method):
    return {"sse-c-1": ONE, "sse-c-2": TWO}.get(method)


def write(d, method, cmk):
    """What a write says."""
    if method == "plain":
        return {}
    if method == "sse-obs":
        return {d.method: "AES256"}
    if key := customer(method):
        return d.trio(key)
    extra = {d.bucket_key: "true"} if method.endswith("bucket-key") else {}
    return {d.method: d.kms, d.key_id: cmk} | extra


def read(d, method):
    return d.trio(customer(method)) if customer(method) else {}


def source(d, bucket, name, method):
    return d.copy_source(bucket, name) | (d.source(customer(method)) if customer(method) else {})


def shown(d, reply):
    """What a reply says of encryption, in words that both dialects share."""
    h = reply.headers
    key = h.get(d.key_id)
    found = {
        "method": {"kms": "sse-kms", "aws:kms": "sse-kms", "AES256": "sse-obs"}.get(h.get(d.method)),
        "key": key and short(key),
        "bucket key": h.get(d.bucket_key),
        "cipher": h.get(f"{d.prefix}server-side-data-encryption"),
        "customer key": h.get(d.c_md5.lower()),
    }
    assert not any("context" in name or name == d.c_key.lower() for name in h)
    return {name: value for name, value in found.items() if value}


def wanted(method, cmk):
    if method == "plain":
        return {}
    if method == "sse-obs":
        return {"method": "sse-obs"}
    if key := customer(method):
        return {"customer key": key.md5}
    extra = {"bucket key": "true"} if method.endswith("bucket-key") else {}
    return {"method": "sse-kms", "key": short(cmk)} | extra


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


@pytest.fixture(scope="module")
def other_cmk(kms):
    return kms.create_key(Description="another")["KeyMetadata"]["Arn"]


class Place:
    """A bucket, what its default is, and the CMK that copies into it name."""

    def __init__(self, s3, cmk, rules=None, inherited=None):
        self.name, self.cmk, self.inherited = f"b-{uuid.uuid4().hex[:20]}", cmk, inherited or {}
        s3.create_bucket(Bucket=self.name)
        if rules:
            s3.put_bucket_encryption(Bucket=self.name, ServerSideEncryptionConfiguration=rules)


@pytest.fixture(scope="module")
def places(s3, cmk, other_cmk):
    """The source's own bucket without a default, one with a default of another CMK, one with SSE-S3."""
    by_bucket_key = {"method": "sse-kms", "key": short(other_cmk), "bucket key": "true"}
    return {
        "same": Place(s3, cmk),
        "kms": Place(s3, other_cmk, default("aws:kms", other_cmk, True), by_bucket_key),
        "aes": Place(s3, other_cmk, default("AES256"), {"method": "sse-obs"}),
    }


@pytest.fixture(scope="module")
def sources(server, places, cmk):
    """One object of each method. Where SSE-KMS takes a context, it has one, which no copy may show or need."""
    d = Dialect("s3")
    for method in METHODS:
        context = {}
        if "kms" in method:
            context = {f"{d.method}-context": base64.b64encode(json.dumps({"of": "the source"}).encode()).decode()}
        headers = write(d, method, cmk) | context
        expect(d.send(server, "PUT", places["same"].name, f"source/{method}", DATA, headers), 200)
    return places["same"].name


@pytest.mark.parametrize("where", ["same", "kms", "aes"])
@pytest.mark.parametrize("to", METHODS)
@pytest.mark.parametrize("of", METHODS)
def test_copies(server, places, sources, dialect, of, to, where):
    d, place, name = dialect, places[where], f"{of}/{to}"
    headers = source(d, sources, f"source/{of}", of) | write(d, to, place.cmk)
    # What is not said, the target's bucket says: never the source, and never its bucket.
    expected = place.inherited if to == "plain" else wanted(to, place.cmk)
    if where == "kms" and to == "sse-kms" and d.name == "s3":
        # The flag of the bucket, which the request does not speak of; in OBS who names the method says all.
        expected = expected | {"bucket key": "true"}
    copied = expect(d.send(server, "PUT", place.name, name, headers=headers), 200)
    assert shown(d, copied) == expected
    for method in ("HEAD", "GET"):
        got = expect(d.send(server, method, place.name, name, headers=read(d, to)), 200)
        assert shown(d, got) == expected
    assert got.body == DATA
    # The source's key opens nothing of the copy, nor is it asked for.
    if customer(of) and customer(of) is not customer(to):
        assert d.send(server, "GET", place.name, name, headers=d.trio(customer(of))).status in (400, 403)


@pytest.mark.parametrize("to", METHODS)
@pytest.mark.parametrize("of", METHODS)
def test_copies_of_parts(server, places, sources, dialect, of, to):
    d, place, name = dialect, places["kms"], f"parts/{of}/{to}"
    expected = place.inherited if to == "plain" else wanted(to, place.cmk)
    if to == "sse-kms" and d.name == "s3":
        expected = expected | {"bucket key": "true"}
    begun = d.send(server, "POST", place.name, name, headers=write(d, to, place.cmk), query=[("uploads", None)])
    upload, listed = upload_id(begun), ""
    assert shown(d, begun) == expected
    # OBS's parts are of 100 KiB at least, S3's of 5 MiB: there the second part stands alone.
    whole = d.name == "obs"
    named = source(d, sources, f"source/{of}", of)
    reply = d.send(server, "PUT", place.name, name, headers=named | read(d, to), query=[("partNumber", "1"), ("uploadId", upload)])
    first = expect(reply, 200)
    assert shown(d, first) == expected
    ranged = named | read(d, to) | {f"{d.prefix}copy-source-range": f"bytes=5-{SEGMENT + 3}"}
    last = expect(d.send(server, "PUT", place.name, name, headers=ranged, query=[("partNumber", "2"), ("uploadId", upload)]), 200)
    for number, part in ((1, first), (2, last)) if whole else ((2, last),):
        tag = part.body.decode().split("<ETag>")[1].split("</ETag>")[0]
        listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
    text = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    done = expect(d.send(server, "POST", place.name, name, text, read(d, to), [("uploadId", upload)]), 200)
    assert shown(d, done) == expected
    got = expect(d.send(server, "GET", place.name, name, headers=read(d, to)), 200)
    assert got.body == (DATA if whole else b"") + DATA[5 : SEGMENT + 4] and shown(d, got) == expected


def test_a_part_copy_needs_the_key_of_each_side(server, places, sources, dialect):
    d, place = dialect, places["aes"]
    begun = d.send(server, "POST", place.name, "p", headers=d.trio(TWO), query=[("uploads", None)])
    query = [("partNumber", "1"), ("uploadId", upload_id(begun))]
    named = d.copy_source(sources, "source/sse-c-1")
    for headers in (
        named | d.source(ONE),  # none for the target
        named | d.trio(TWO),  # none for the source
        named | d.source(ONE) | d.trio(ONE),  # the source's key for the target
        named | d.source(TWO) | d.trio(TWO),  # the target's key for the source
    ):
        assert d.send(server, "PUT", place.name, "p", headers=headers, query=query).status in (400, 403)
    expect(d.send(server, "PUT", place.name, "p", headers=named | d.source(ONE) | d.trio(TWO), query=query), 200)


# ---- onto itself ----------------------------------------------------------------------------------------------------


def test_onto_itself_changes_method_key_and_bucket_key(server, places, cmk, other_cmk, dialect):
    d, place, name = dialect, places["same"], f"itself/{dialect.name}"
    expect(d.send(server, "PUT", place.name, name, DATA), 200)
    now = "plain"
    for to, key in [
        ("sse-obs", None), ("sse-kms", cmk), ("sse-kms", other_cmk), ("sse-kms-bucket-key", other_cmk),
        ("sse-kms", other_cmk), ("sse-c-1", None), ("sse-c-2", None), ("sse-kms-bucket-key", cmk), ("sse-obs", None),
    ]:  # fmt: skip
        reply = d.send(server, "PUT", place.name, name, headers=source(d, place.name, name, now) | write(d, to, key))
        assert shown(d, expect(reply, 200)) == wanted(to, key), (now, to)
        got = expect(d.send(server, "GET", place.name, name, headers=read(d, to)), 200)
        assert got.body == DATA and shown(d, got) == wanted(to, key)
        now = to


@pytest.mark.parametrize("method", METHODS[1:])
def test_onto_itself_with_the_same_words(server, places, dialect, method):
    """Naming the method is enough of a reason; saying nothing is none."""
    d, place, name = dialect, places["same"], f"same/{dialect.name}/{method}"
    put = expect(d.send(server, "PUT", place.name, name, DATA, write(d, method, place.cmk)), 200)
    named = source(d, place.name, name, method)
    again = expect(d.send(server, "PUT", place.name, name, headers=named | write(d, method, place.cmk)), 200)
    assert shown(d, again) == wanted(method, place.cmk)
    got = expect(d.send(server, "GET", place.name, name, headers=read(d, method)), 200)
    assert got.body == DATA
    # Under a fresh DEK: where the ETag is of the ciphertext, it is another one.
    if not (d.name == "s3" and method == "sse-obs"):
        assert got.headers["etag"] != put.headers["etag"]
    reply = d.send(server, "PUT", place.name, name, headers=named)
    if d.name == "obs":
        expect(reply, 400, "InvalidRequest")
    else:
        # S3: without a word the target is plain here, which is a change.
        assert shown(d, expect(reply, 200)) == {}
        expect(d.send(server, "PUT", place.name, name, headers=d.copy_source(place.name, name)), 400, "InvalidRequest")


def test_onto_itself_obs_keeps_the_method(server, places, dialect):
    d, place = Dialect("obs"), places["same"]
    replace = {"x-obs-metadata-directive": "REPLACE", "x-obs-meta-a": "b"}
    for method in METHODS:
        name = f"kept/{method}"
        expect(d.send(server, "PUT", place.name, name, DATA, write(d, method, place.cmk)), 200)
        reply = d.send(server, "PUT", place.name, name, headers=source(d, place.name, name, method) | replace)
        assert shown(d, expect(reply, 200)) == wanted(method, place.cmk)
        got = expect(d.send(server, "GET", place.name, name, headers=read(d, method)), 200)
        assert got.body == DATA and got.headers["x-obs-meta-a"] == "b"


# ---- two authorisations -----------------------------------------------------------------------------------------------


def client_with(server, *statements):
    name = f"u-{uuid.uuid4().hex[:12]}"
    return identities.s3(server, identities.make_user(server, name, [allow("s3:*"), *statements]))


@pytest.mark.parametrize("bucket_key", [False, True])
def test_each_key_asks_for_its_own_right(server, s3, bucket, cmk, other_cmk, bucket_key):
    s3.put_object(Bucket=bucket, Key="s", Body=DATA, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, BucketKeyEnabled=bucket_key)
    named = {"Bucket": bucket, "Key": "s"}
    to = dict(ServerSideEncryption="aws:kms", SSEKMSKeyId=other_cmk, BucketKeyEnabled=bucket_key)
    reads, writes = allow("kms:Decrypt", cmk), allow("kms:GenerateDataKey", other_cmk)

    def copy(client, **more):
        return client.copy_object(Bucket=bucket, Key="c", CopySource=named, **(to | more))

    for statements in (
        [writes, allow("kms:Decrypt", other_cmk)],  # not to read the source
        [reads, allow("kms:Decrypt", other_cmk)],  # not to seal the target
        [allow("kms:Decrypt", other_cmk), allow("kms:GenerateDataKey", cmk)],  # each on the other's key
    ):
        refused(copy, "AccessDenied", client=client_with(server, *statements))
        assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["s"]
    copy(client_with(server, reads, writes))
    assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == DATA
    # To leave SSE-KMS the source's key is enough, to come to it the target's.
    out = client_with(server, reads)
    out.copy_object(Bucket=bucket, Key="out", CopySource=named, ServerSideEncryption="AES256")
    came = client_with(server, writes)
    came.copy_object(Bucket=bucket, Key="in", CopySource={"Bucket": bucket, "Key": "out"}, **to)
    refused(came.copy_object, "AccessDenied", Bucket=bucket, Key="x", CopySource=named, ServerSideEncryption="AES256")


def test_part_copies_ask_the_same(server, s3, bucket, cmk, other_cmk):
    """The upload's keys are taken for each part: its writer needs the right to open them."""
    s3.put_object(Bucket=bucket, Key="s", Body=DATA, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c", ServerSideEncryption="aws:kms", SSEKMSKeyId=other_cmk)
    part = dict(Bucket=bucket, Key="c", UploadId=upload["UploadId"], PartNumber=1, CopySource={"Bucket": bucket, "Key": "s"})
    of_source, of_upload = allow("kms:Decrypt", cmk), allow("kms:Decrypt", other_cmk)
    for statements in ([of_source], [of_upload], [allow("kms:GenerateDataKey", [cmk, other_cmk])]):
        refused(client_with(server, *statements).upload_part_copy, "AccessDenied", **part)
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="c", UploadId=upload["UploadId"])
    client_with(server, of_source, of_upload).upload_part_copy(**part)


def test_a_context_of_the_source_is_not_needed_for_the_copy(server, s3, bucket, cmk):
    """A right that asks for the source's context opens the source; the copy, which has none, it does not."""
    context = base64.b64encode(json.dumps({"department": "finance"}).encode()).decode()
    s3.put_object(
        Bucket=bucket, Key="s", Body=DATA, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, SSEKMSEncryptionContext=context
    )
    s3.copy_object(
        Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "s"}, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk
    )
    finance = {"Condition": {"StringEquals": {"kms:EncryptionContext:department": "finance"}}}
    client = client_with(server, allow("kms:Decrypt", cmk, **finance))
    assert client.get_object(Bucket=bucket, Key="s")["Body"].read() == DATA
    refused(client.get_object, "AccessDenied", Bucket=bucket, Key="c")


# ---- the server's own default -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said, method", [("kms", "sse-kms"), ("obs", "sse-obs")])
def test_the_servers_default_holds_for_every_way_to_write(make_server, said, method):
    from test_post_form import post, signed

    server = make_server("--default-encryption", said)
    clients.s3(server).create_bucket(Bucket="bucket")
    for d in (Dialect("s3"), Dialect("obs")):
        told = expect(d.send(server, "GET", "bucket", query=[("encryption", None)]), 200).body.decode()
        word = d.kms if said == "kms" else "AES256"
        assert f"<SSEAlgorithm>{word}</SSEAlgorithm>" in told and "KMSMasterKeyID" not in told
        expect(d.send(server, "PUT", "bucket", "c", b"x", d.trio(ONE)), 200)
        put = expect(d.send(server, "PUT", "bucket", "k", DATA), 200)
        form = signed(server, "v4" if d.name == "s3" else "obs", {"key": "f", "bucket": "bucket"})
        posted = post(server, "bucket", form)
        copied = expect(d.send(server, "PUT", "bucket", "copy", headers=d.copy_source("bucket", "c") | d.source(ONE)), 200)
        begun = d.send(server, "POST", "bucket", "m", headers={}, query=[("uploads", None)])
        query = [("partNumber", "1"), ("uploadId", upload_id(begun))]
        part = expect(d.send(server, "PUT", "bucket", "m", b"x", query=query), 200)
        key = shown(d, put).get("key")
        assert bool(key) == (said == "kms")
        for reply in (put, posted, copied, begun, part):
            assert shown(d, reply) == {"method": method} | ({"key": key} if key else {})
        plain_http = d.send(server, "PUT", "bucket", "k", b"x", tls=False)
        assert plain_http.status == (400 if said == "kms" else 200)


# ---- what OBS's clients send and read beside it -----------------------------------------------------------------------

PERIOD = "x-obs-server-side-encryption-bucket-key-rotation-period"


def test_a_rotation_period_of_one_object_is_checked_and_has_no_effect(server, bucket, cmk):
    d = Dialect("obs")
    kms = write(d, "sse-kms-bucket-key", cmk)
    for days in ("1", "365", "3650"):
        expect(d.send(server, "PUT", bucket, "k", b"x", kms | {PERIOD: days}), 200)
        expect(d.send(server, "POST", bucket, "m", headers=kms | {PERIOD: days}, query=[("uploads", None)]), 200)
        expect(d.send(server, "PUT", bucket, "c", headers=kms | {PERIOD: days} | d.copy_source(bucket, "k")), 200)
    for days in ("0", "3651", "-1", "+5", "1.5", "", "year", "99999999999"):
        expect(d.send(server, "PUT", bucket, "k", b"x", kms | {PERIOD: days}), 400, "InvalidArgument")
    for headers in ({}, {d.method: "AES256"}, d.trio(ONE)):
        expect(d.send(server, "PUT", bucket, "k", b"x", headers | {PERIOD: "365"}), 400, "InvalidArgument")
    expect(d.send(server, "GET", bucket, "k", headers={PERIOD: "365"}), 400, "InvalidArgument")


def test_the_project_of_a_key_is_told_to_who_used_it(server, s3, kms, bucket, cmk):
    """Of CMKs that the account made, on operations of writing; a default key is of no project, and AWS's clients know none."""
    d, header = Dialect("obs"), "x-obs-sse-kms-key-project-id"
    put = expect(d.send(server, "PUT", bucket, "k", b"x", write(d, "sse-kms", cmk)), 200)
    project = put.headers[header]
    assert len(project) == 32
    expect(d.send(server, "PUT", bucket, "k", b"x", write(d, "sse-kms", cmk) | {header: project}), 200)
    expect(d.send(server, "PUT", bucket, "k", b"x", write(d, "sse-kms", cmk) | {header: "0" * 32}), 400, "InvalidArgument")
    copied = expect(d.send(server, "PUT", bucket, "c", headers=write(d, "sse-kms", cmk) | d.copy_source(bucket, "k")), 200)
    begun = d.send(server, "POST", bucket, "m", headers=write(d, "sse-kms", cmk), query=[("uploads", None)])
    query = [("partNumber", "1"), ("uploadId", upload_id(begun))]
    part = expect(d.send(server, "PUT", bucket, "m", b"x", query=query), 200)
    part_copy = expect(d.send(server, "PUT", bucket, "m", headers=d.copy_source(bucket, "k"), query=query), 200)
    tag = part_copy.body.decode().split("<ETag>")[1].split("</ETag>")[0]
    text = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    done = expect(d.send(server, "POST", bucket, "m", text.encode(), query=query[1:]), 200)
    for reply in (copied, begun, part, part_copy, done):
        assert reply.headers[header] == project
    for reply in (
        d.send(server, "GET", bucket, "k"),
        d.send(server, "PUT", bucket, "d", b"x", {d.method: "kms"}),
        d.send(server, "PUT", bucket, "d", b"x", {d.method: "AES256"}),
    ):
        assert expect(reply, 200).headers.get(header) is None
    amz = Dialect("s3")
    reply = expect(amz.send(server, "PUT", bucket, "k", b"x", write(amz, "sse-kms", cmk)), 200)
    assert not any("project" in name for name in reply.headers)
