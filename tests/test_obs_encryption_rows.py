"""Encryption in OBS's own words, row by row: which headers are taken where and with which values, in which form a CMK is
named, what a bucket's default says, who decides, what ETags and checksums are made of, which rights to keys are asked
for, and what each answer tells, to the header."""

import base64
import hashlib
import re
import uuid

import pytest

from encryption_rows import OPERATIONS, WRITES, ask, begin, complete, encryption_of, send_part, write
from harness import clients, disk, identities, signing
from harness.identities import allow
from harness.providers import project_of
from harness.secrets import note
from harness.server import DOMAIN, REGION
from harness.sse import KIB, CustomerKey, body
from test_sse_rules import ABSENT_KEY, Dialect, document, expect, rule

OBS, S3 = Dialect("obs"), Dialect("s3")
KEY, OTHER = CustomerKey(), CustomerKey()
PROJECT = "x-obs-sse-kms-key-project-id"
CIPHER = "x-obs-server-side-data-encryption"
ROTATION = f"{OBS.method}-bucket-key-rotation-period"


@pytest.fixture(scope="module")
def domain(server):
    """The account's id, as OBS's form of a CMK has it."""
    return re.search(rb"<ID>(.*?)</ID>", signing.v4(server, "GET", "/").body)[1].decode()


@pytest.fixture
def key_id(cmk):
    """The bare id of the module's CMK."""
    return cmk.rsplit("/", 1)[1]


@pytest.fixture
def full(domain, key_id):
    """The module's CMK as answers name it."""
    return f"{REGION}:{domain}:key/{key_id}"


@pytest.fixture
def bucket(server, s3, bucket):
    """A bucket with an object `source` in the clear."""
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    return bucket


@pytest.fixture(scope="module")
def project(server):
    return project_of(server)


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def shown(server, bucket, name="k", headers=None):
    """What HEAD tells of an object's encryption."""
    return encryption_of(expect(OBS.send(server, "HEAD", bucket, name, headers=headers or {}), 200), OBS)


# ---- §4.2: headers, values, places ----------------------------------------------------------------------------------

# What is asked: what answers show of it. `F` is the module's CMK in full form, `D` the account's default key.
SELECTORS = {
    "kms": ({OBS.method: "kms"}, {"server-side-encryption": "kms"}),
    "kms in S3's word": ({OBS.method: "aws:kms"}, {"server-side-encryption": "kms"}),
    "AES256": ({OBS.method: "AES256"}, {"server-side-encryption": "AES256"}),
    "AES256 as one SDK says it": ({OBS.method: "aws:AES256"}, {"server-side-encryption": "AES256"}),
    "the cipher that is used anyway": ({OBS.method: "kms", CIPHER: "AES256"}, {"server-side-encryption": "kms"}),
    "no bucket key": ({OBS.method: "kms", OBS.bucket_key: "false"}, {"server-side-encryption": "kms"}),
    "a customer key": (OBS.trio(KEY), {
        "server-side-encryption-customer-algorithm": "AES256", "server-side-encryption-customer-key-md5": KEY.md5,
    }),
}  # fmt: skip


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("way", WRITES)
def test_selectors_of_a_write(server, s3, bucket, way, selector):
    headers, told = SELECTORS[selector]
    answer = encryption_of(write(server, OBS, way, bucket, headers), OBS)
    key = answer.pop("server-side-encryption-kms-key-id", None)
    assert answer == told
    assert (key is None) == (told.get("server-side-encryption") != "kms")
    assert key is None or re.fullmatch(rf"{REGION}:[0-9a-f]{{32}}:key/[0-9a-f-]{{36}}", key)


def key_forms(cmk, key_id, domain):
    return {
        "bare": key_id,
        "region:domain:key/id": f"{REGION}:{domain}:key/{key_id}",
        "ARN": cmk,
    }


@pytest.mark.parametrize("form", ["bare", "region:domain:key/id", "ARN"])
@pytest.mark.parametrize("way", WRITES)
def test_forms_of_a_key_id(server, bucket, cmk, key_id, domain, full, way, form):
    headers = {OBS.method: "kms", OBS.key_id: key_forms(cmk, key_id, domain)[form]}
    assert write(server, OBS, way, bucket, headers).headers[OBS.key_id] == full


@pytest.mark.parametrize("form", ["bare", "region:domain:key/id", "ARN"])
def test_forms_of_a_key_id_of_a_new_bucket(server, cmk, key_id, domain, full, form):
    """Kept as it was given; objects show the full form."""
    given = key_forms(cmk, key_id, domain)[form]
    name = f"b-{uuid.uuid4().hex[:20]}"
    made = expect(OBS.send(server, "PUT", name, headers={OBS.method: "kms", OBS.key_id: given}), 200)
    assert set(encryption_of(made, OBS).values()) <= {"kms"}
    text = expect(OBS.send(server, "GET", name, query=[("encryption", None)]), 200).body.decode()
    assert f"<KMSMasterKeyID>{given}</KMSMasterKeyID>" in text and "<SSEAlgorithm>kms</SSEAlgorithm>" in text
    assert expect(OBS.send(server, "PUT", name, "k", b"x"), 200).headers[OBS.key_id] == full


BAD_KEY_IDS = {
    "empty": "",
    "no id": "key/",
    "another region": "other-9:{domain}:key/{id}",
    "another account": f"{REGION}:{'0' * 32}:key/{{id}}",
    "no account": f"{REGION}::key/{{id}}",
    "an ARN of another service": f"arn:aws:s3:{REGION}:000000000001:key/{{id}}",
    "an ARN of another region": "arn:aws:kms:other-9:000000000001:key/{id}",
    "an ARN of another account": f"arn:aws:kms:{REGION}:999999999999:key/{{id}}",
    "half an id": "{half}",
    "a path": "../{id}",
    "beside something": "{id} {id}",
}


@pytest.mark.parametrize("case", BAD_KEY_IDS)
@pytest.mark.parametrize("way", WRITES)
def test_key_ids_that_name_no_key(server, s3, bucket, key_id, domain, way, case):
    given = BAD_KEY_IDS[case].format(id=key_id, half=key_id[:18], domain=domain)
    reply = write(server, OBS, way, bucket, {OBS.method: "kms", OBS.key_id: given})
    expect(reply, 400, "InvalidArgument", "KMS.NotFoundException")
    assert names(s3, bucket) == ["source"] and "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("way", WRITES)
def test_a_project_is_that_of_its_key(server, s3, bucket, key_id, project, way):
    write_of = lambda headers: write(server, OBS, way, bucket, {OBS.method: "kms", **headers})  # noqa: E731
    good = write_of({OBS.key_id: key_id, PROJECT: project})
    assert good.status in (200, 204) and good.headers[PROJECT] == project
    s3.delete_object(Bucket=bucket, Key="k")
    expect(write_of({OBS.key_id: key_id, PROJECT: "0" * 32}), 400, "InvalidArgument")
    expect(write_of({OBS.key_id: key_id, PROJECT: "no project"}), 400, "InvalidArgument")
    expect(write_of({PROJECT: project}), 400, "InvalidArgument")
    assert "k" not in names(s3, bucket)


# What CreateBucket takes and what its configuration then holds.
NEW_BUCKETS = {
    "kms": ({OBS.method: "kms"}, {"SSEAlgorithm": "kms"}),
    "kms in S3's word": ({OBS.method: "aws:kms"}, {"SSEAlgorithm": "kms"}),
    "obs": ({OBS.method: "obs"}, {"SSEAlgorithm": "AES256"}),
    "obs and its cipher": ({OBS.method: "obs", CIPHER: "AES256"}, {"SSEAlgorithm": "AES256"}),
    "kms and SM4": ({OBS.method: "kms", CIPHER: "SM4"}, {"SSEAlgorithm": "kms", "KMSDataEncryption": "SM4"}),
    "no bucket key": (
        {OBS.method: "kms", OBS.bucket_key: "false"}, {"SSEAlgorithm": "kms", "BucketKeyEnabled": "false"},
    ),
    "shortest rotation": ({OBS.method: "kms", ROTATION: "1"}, {"SSEAlgorithm": "kms", "BucketKeyRotationPeriod": "1"}),
    "longest rotation": (
        {OBS.method: "kms", ROTATION: "3650"}, {"SSEAlgorithm": "kms", "BucketKeyRotationPeriod": "3650"},
    ),
}  # fmt: skip


def configuration(server, bucket):
    """The elements of a bucket's default that have text."""
    text = expect(OBS.send(server, "GET", bucket, query=[("encryption", None)]), 200).body.decode()
    return dict(re.findall(r"<(\w+)>([^<]+)</\1>", text))


@pytest.mark.parametrize("case", NEW_BUCKETS)
def test_encryption_of_a_new_bucket(server, case):
    headers, wanted = NEW_BUCKETS[case]
    name = f"b-{uuid.uuid4().hex[:20]}"
    expect(OBS.send(server, "PUT", name, headers=headers), 200)
    kept = configuration(server, name)
    if kept.get("KMSDataEncryption") == "AES256":
        del kept["KMSDataEncryption"]  # goes without saying
    assert kept == wanted


BAD_NEW_BUCKETS = {
    "unknown method": {OBS.method: "des"},
    "empty method": {OBS.method: ""},
    "key id without a method": {OBS.key_id: ABSENT_KEY},
    "key id with obs": {OBS.method: "obs", OBS.key_id: ABSENT_KEY},
    "project without a method": {PROJECT: "0" * 32},
    "project with obs": {OBS.method: "obs", PROJECT: "0" * 32},
    "project without a key id": {OBS.method: "kms", PROJECT: "0" * 32},
    "cipher without a method": {CIPHER: "AES256"},
    "unknown cipher": {OBS.method: "kms", CIPHER: "SM3"},
    "SM4 with obs": {OBS.method: "obs", CIPHER: "SM4"},
    "bucket key without a method": {OBS.bucket_key: "true"},
    "bucket key with obs": {OBS.method: "obs", OBS.bucket_key: "true"},
    "bucket key neither true nor false": {OBS.method: "kms", OBS.key_id: ABSENT_KEY, OBS.bucket_key: "1"},
    "bucket key without a key id": {OBS.method: "kms", OBS.bucket_key: "true"},
    "rotation without a method": {ROTATION: "30"},
    "rotation with obs": {OBS.method: "obs", ROTATION: "30"},
    "rotation of no days": {OBS.method: "kms", ROTATION: "0"},
    "rotation of too many days": {OBS.method: "kms", ROTATION: "3651"},
    "rotation that is no number": {OBS.method: "kms", ROTATION: "a year"},
}


@pytest.mark.parametrize("case", BAD_NEW_BUCKETS)
def test_a_bucket_is_not_made_with_headers_that_contradict_themselves(server, s3, case):
    name = f"b-{uuid.uuid4().hex[:20]}"
    expect(OBS.send(server, "PUT", name, headers=BAD_NEW_BUCKETS[case]), 400, "InvalidArgument")
    assert name not in [b["Name"] for b in s3.list_buckets()["Buckets"]]


# How an upload begins: what its parts may say once more, and what contradicts it. `K` is the CMK, `F` its full form, `D`
# the account's default key, `P` the CMK's project, `O` another CMK.
KMS, SSE_OBS = {OBS.method: "kms"}, {OBS.method: "AES256"}
REPEATED = {
    "nothing": ({}, [{OBS.bucket_key: "false"}],
                [KMS, SSE_OBS, {OBS.key_id: "K"}, {CIPHER: "AES256"}, {OBS.bucket_key: "true"}, {PROJECT: "P"}]),
    "AES256": (SSE_OBS, [SSE_OBS, {CIPHER: "AES256"}], [KMS, {CIPHER: "SM4"}, {OBS.key_id: "K"}, {OBS.method: "obs"}]),
    "AES256, SM4": (SSE_OBS | {CIPHER: "SM4"}, [SSE_OBS, {CIPHER: "SM4"}], [{CIPHER: "AES256"}, {CIPHER: "DES"}]),
    "kms": (KMS | {OBS.key_id: "K"},
            [KMS, {OBS.method: "aws:kms"}, {OBS.key_id: "K"}, KMS | {OBS.key_id: "F"}, KMS | {OBS.key_id: "K", PROJECT: "P"},
             KMS | {CIPHER: "AES256", OBS.bucket_key: "false", ROTATION: "7"}],
            [SSE_OBS, {OBS.method: "des"}, {OBS.method: ""}, KMS | {OBS.key_id: ABSENT_KEY}, KMS | {OBS.key_id: "O"},
             {OBS.key_id: "D"}, {OBS.key_id: ""}, KMS | {CIPHER: "SM4"}, KMS | {OBS.bucket_key: "true"},
             KMS | {OBS.bucket_key: "yes"}, KMS | {PROJECT: "0" * 32}, {f"{OBS.method}-context": "e30="} | SSE_OBS]),
    "kms, default key": (KMS, [KMS, KMS | {OBS.key_id: "D"}], [KMS | {OBS.key_id: "K"}]),
    "kms, bucket key, SM4": (KMS | {OBS.key_id: "K", OBS.bucket_key: "true", CIPHER: "SM4"},
                             [KMS, {OBS.bucket_key: "true", CIPHER: "SM4"}], [{OBS.bucket_key: "false"}, {CIPHER: "AES256"}]),
    "SSE-C": (OBS.trio(KEY), [{}, {CIPHER: "AES256"}], [KMS, SSE_OBS, {OBS.key_id: "K"}, {CIPHER: "SM4"}]),
}  # fmt: skip


@pytest.mark.parametrize("began", REPEATED)
def test_selectors_that_sdks_repeat_on_parts_change_nothing(server, s3, bucket, repeated, began):
    """A part is sealed as its upload began: the browser SDK says so once more, and other words are refused."""
    begins, repeats, contradicts = REPEATED[began]
    upload = begin(server, OBS, bucket, repeated(begins))
    key = OBS.trio(KEY) if began == "SSE-C" else {}
    for copied in (False, True):
        for beside in contradicts:
            expect(send_part(server, OBS, bucket, upload, key | repeated(beside), copied), 400, "InvalidArgument")
        assert "Parts" not in s3.list_parts(Bucket=bucket, Key="m", UploadId=upload), "a refused part is not there"
    for copied in (False, True):
        without = encryption_of(expect(send_part(server, OBS, bucket, upload, key, copied), 200), OBS)
        for beside in repeats:
            part = expect(send_part(server, OBS, bucket, upload, key | repeated(beside), copied), 200)
            assert encryption_of(part, OBS) == without, beside
    expect(complete(server, OBS, bucket, upload, tag_of(part)), 200)
    assert expect(OBS.send(server, "GET", bucket, "m", headers=key), 200).body == b"hello"


@pytest.fixture
def repeated(key_id, full, account_key, project, other_cmk):
    """Headers with the names of keys filled in."""
    known = {"K": key_id, "F": full, "D": account_key, "P": project, "O": other_cmk}
    return lambda headers: {name: known.get(value, value) for name, value in headers.items()}


def test_who_may_not_use_the_key_of_an_upload_does_not_learn_which_it_is(server, bucket, key_id, somebody):
    """With its own key and with any other the answer is one and the same refusal."""
    upload = begin(server, OBS, bucket, KMS | {OBS.key_id: key_id})
    caller = somebody(set())
    for copied in (False, True):
        answers = set()
        for beside in ({}, KMS, SSE_OBS, {OBS.key_id: key_id}, {OBS.key_id: ABSENT_KEY}):
            reply = expect(send_part(caller, OBS, bucket, upload, beside, copied), 403, "AccessDenied")
            answers.add(re.sub(rb"<(RequestId|HostId)>.*?</\1>", b"", reply.body))
        assert len(answers) == 1


def tag_of(reply):
    """A part's ETag, from the header or, of a copy, from the document."""
    return reply.headers.get("etag") or re.search(rb"<ETag>(.*?)</ETag>", reply.body)[1].decode()


@pytest.mark.parametrize("copied", [False, True], ids=["upload part", "part copy"])
@pytest.mark.parametrize("began", ["SSE-C", "kms", "nothing"])
@pytest.mark.parametrize("sent", ["its key", "another key", "half a key", "nothing"])
def test_customer_keys_of_parts_are_those_of_the_upload(server, s3, bucket, began, sent, copied):
    upload = begin(server, OBS, bucket, {"SSE-C": OBS.trio(KEY), "kms": {OBS.method: "kms"}, "nothing": {}}[began])
    half = {OBS.c_algorithm: "AES256", OBS.c_md5: KEY.md5}
    headers = {"its key": OBS.trio(KEY), "another key": OBS.trio(OTHER), "half a key": half, "nothing": {}}[sent]
    reply = send_part(server, OBS, bucket, upload, headers, copied)
    if (began == "SSE-C") == (sent == "its key") and sent in ("its key", "nothing"):
        expect(reply, 200)
        return
    missing = began == "SSE-C" and sent == "nothing"
    expect(reply, 400, *(["InvalidEncryptionAlgorithmError"] if missing else ["InvalidArgument", "InvalidRequest"]))
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="m", UploadId=upload)


def test_a_key_that_was_encoded_twice_is_no_key(server, bucket):
    """One SDK encodes the key itself: who hands it base64 sends 44 bytes."""
    twice = CustomerKey(KEY.base64.encode())
    for way in WRITES:
        expect(write(server, OBS, way, bucket, OBS.trio(twice)), 400, "InvalidArgument")


# S3's names of the same headers, as OBS's SDKs send them with an AWS signature of version 2 (§4.2.2).
AMZ = {
    "kms": {"x-amz-server-side-encryption": "aws:kms"},
    "kms in OBS's word": {"x-amz-server-side-encryption": "kms"},
    "AES256": {"x-amz-server-side-encryption": "AES256"},
    "AES256 as one SDK says it": {"x-amz-server-side-encryption": "aws:AES256"},
    "key id": {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "{full}"},
    "project": {
        "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "{id}",
        "x-amz-sse-kms-key-project-id": "{project}",
    },
    "cipher": {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-data-encryption": "SM4"},
    "bucket key": {
        "x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "{id}",
        "x-amz-server-side-encryption-bucket-key-enabled": "true",
        "x-amz-server-side-encryption-bucket-key-rotation-period": "30",
    },
    "customer key": S3.trio(KEY),
}  # fmt: skip


@pytest.mark.parametrize("case", AMZ)
def test_s3_s_names_from_obs_clients(server, bucket, key_id, full, project, case):
    """Signed as OBS's SDKs sign against an address, they are answered S3's names and OBS's form of the key."""
    headers = {n: v.format(id=key_id, full=full, project=project) for n, v in AMZ[case].items()}
    request = signing.Request("PUT", f"/{bucket}/k", [], dict(headers, **{"User-Agent": "obs-sdk-nodejs/3"}), b"hello")
    signing.sign_obs(request, server, scheme="AWS")
    told = encryption_of(expect(signing.send(request, server, tls=True), 200), S3)
    word = headers.get(S3.method)
    if word is None:
        assert set(told) == {"server-side-encryption-customer-algorithm", "server-side-encryption-customer-key-md5"}
        return
    assert told["server-side-encryption"] == ("AES256" if word.endswith("AES256") else "aws:kms")
    if "key-id" in "".join(headers):
        assert told["server-side-encryption-aws-kms-key-id"] == full
    assert ("server-side-data-encryption" in told) == (case == "cipher")
    assert ("server-side-encryption-bucket-key-enabled" in told) == (case == "bucket key")
    if case == "project":
        assert told["sse-kms-key-project-id"] == project


@pytest.mark.parametrize("case", ["kms", "AES256", "customer key"])
def test_obs_s_names_under_an_aws_signature(server, bucket, case):
    """Where S3's spelling is absent and the signature covers them."""
    headers = {"kms": {OBS.method: "kms"}, "AES256": {OBS.method: "AES256"}, "customer key": OBS.trio(KEY)}[case]
    reply = expect(signing.v4(server, "PUT", f"/{bucket}/k", b"x", headers, tls=True), 200)
    told = encryption_of(reply, S3)
    assert told.get("server-side-encryption") == {"kms": "aws:kms", "AES256": "AES256"}.get(case)
    assert ("server-side-encryption-customer-algorithm" in told) == (case == "customer key")


# ---- §4.3: the default of a bucket ----------------------------------------------------------------------------------


def put_default(server, bucket, text, d=OBS):
    return d.send(server, "PUT", bucket, body=text, query=[("encryption", None)])


def elements(algorithm, key=None, project=None, cipher=None):
    found = [("SSEAlgorithm", algorithm), ("KMSMasterKeyID", key), ("ProjectID", project), ("KMSDataEncryption", cipher)]
    return [f"<{name}>{value}</{name}>" for name, value in found if value is not None]


def of(inner, outer="", namespace=""):
    by_default = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    text = document(f"<Rule>{by_default}{outer}</Rule>").decode()
    return text.replace("<ServerSideEncryptionConfiguration>", f"<ServerSideEncryptionConfiguration{namespace}>").encode()


GOOD_DEFAULTS = {
    "SSE-OBS": (elements("AES256"), ""),
    "kms": (elements("kms"), ""),
    "kms in S3's word": (elements("aws:kms"), ""),
    "a bare key": (elements("kms", "{id}"), ""),
    "a key in full": (elements("kms", "{full}"), ""),
    "a key that does not exist": (elements("kms", ABSENT_KEY), ""),
    "a project": (elements("kms", "{id}", "{project}"), ""),
    "SM4": (elements("kms", cipher="SM4"), ""),
    "AES256 as cipher": (elements("kms", cipher="AES256"), ""),
    "a bucket key": (elements("kms", "{id}"), "<BucketKeyEnabled>true</BucketKeyEnabled>"),
    "no bucket key": (elements("kms"), "<BucketKeyEnabled>false</BucketKeyEnabled>"),
    "rotation": (elements("kms", "{id}"), "<BucketKeyEnabled>true</BucketKeyEnabled>"
                 "<BucketKeyRotationPeriod>30</BucketKeyRotationPeriod>"),
    "everything": (elements("kms", "{id}", "{project}", "SM4"), "<BucketKeyEnabled>true</BucketKeyEnabled>"
                   "<BucketKeyRotationPeriod>365</BucketKeyRotationPeriod>"),
}  # fmt: skip


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "in another order"])
@pytest.mark.parametrize("case", GOOD_DEFAULTS)
def test_a_default_comes_back_as_it_was_given(server, bucket, key_id, full, project, case, backwards):
    inner, outer = GOOD_DEFAULTS[case]
    inner = "".join(reversed(inner) if backwards else inner).format(id=key_id, full=full, project=project)
    text = of(inner, outer, ' xmlns="http://obs.myhwclouds.com/doc/2015-06-30/"' if backwards else "")
    reply = expect(put_default(server, bucket, text), 200)
    assert reply.body == b"" and encryption_of(reply, OBS) == {}
    wanted = dict(re.findall(r"<(\w+)>([^<]+)</\1>", inner + outer))
    wanted["SSEAlgorithm"] = wanted["SSEAlgorithm"].replace("aws:", "")
    assert configuration(server, bucket) == wanted
    # The same in S3's words.
    text = expect(S3.send(server, "GET", bucket, query=[("encryption", None)]), 200).body.decode()
    assert f"<SSEAlgorithm>{wanted['SSEAlgorithm'].replace('kms', 'aws:kms')}</SSEAlgorithm>" in text


BAD_DEFAULTS = {
    "no rule": (document(""), "MalformedXML"),
    "two rules": (document(rule() + rule()), "MalformedXML"),
    "unknown algorithm": (of("<SSEAlgorithm>SM4</SSEAlgorithm>"), "MalformedXML"),
    "no algorithm": (of(""), "MalformedXML"),
    "two algorithms": (of("".join(elements("kms") * 2)), "MalformedXML"),
    "AES256 and a key": (of("".join(elements("AES256", ABSENT_KEY))), "MalformedXML"),
    "AES256 and a project": (of("".join(elements("AES256", ABSENT_KEY, "0" * 32))), "MalformedXML"),
    "AES256 and a cipher": (of("".join(elements("AES256", cipher="SM4"))), "MalformedXML"),
    "AES256 and a bucket key": (
        of("".join(elements("AES256")), "<BucketKeyEnabled>true</BucketKeyEnabled>"), "MalformedXML",
    ),
    "AES256 and a rotation": (
        of("".join(elements("AES256")), "<BucketKeyRotationPeriod>30</BucketKeyRotationPeriod>"), "MalformedXML",
    ),
    "unknown cipher": (of("".join(elements("kms", cipher="SM3"))), "MalformedXML"),
    "a project without a key": (of("".join(elements("kms", project="0" * 32))), "InvalidArgument"),
    "a bucket key without a CMK": (
        of("".join(elements("kms")), "<BucketKeyEnabled>true</BucketKeyEnabled>"), "InvalidArgument",
    ),
    "a bucket key neither true nor false": (
        of("".join(elements("kms", ABSENT_KEY)), "<BucketKeyEnabled>1</BucketKeyEnabled>"), "MalformedXML",
    ),
    "rotation of no days": (
        of("".join(elements("kms")), "<BucketKeyRotationPeriod>0</BucketKeyRotationPeriod>"), "InvalidArgument",
    ),
    "rotation of too many days": (
        of("".join(elements("kms")), "<BucketKeyRotationPeriod>3651</BucketKeyRotationPeriod>"), "InvalidArgument",
    ),
    "not XML": (b"hello", "MalformedXML"),
    "empty": (b"", "MissingRequestBodyError"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_DEFAULTS)
def test_a_bad_default_changes_nothing(server, bucket, case):
    expect(put_default(server, bucket, document(rule("kms"))), 200)
    expect(put_default(server, bucket, BAD_DEFAULTS[case][0]), 400, BAD_DEFAULTS[case][1])
    assert configuration(server, bucket) == {"SSEAlgorithm": "kms"}


def test_a_default_is_deleted_and_objects_stay_as_they_are(server, bucket, key_id):
    expect(put_default(server, bucket, of("".join(elements("kms", key_id)))), 200)
    expect(OBS.send(server, "PUT", bucket, "k", b"hello"), 200)
    before = shown(server, bucket)
    for _ in range(2):
        gone = expect(OBS.send(server, "DELETE", bucket, query=[("encryption", None)]), 204)
        assert gone.body == b""
    expect(OBS.send(server, "GET", bucket, query=[("encryption", None)]), 404, "NoSuchEncryptionConfiguration")
    assert shown(server, bucket) == before
    assert expect(OBS.send(server, "GET", bucket, "k"), 200).body == b"hello"
    expect(OBS.send(server, "GET", bucket, "k", tls=False), 400, "InvalidRequest")
    assert encryption_of(expect(OBS.send(server, "PUT", bucket, "k", b"hello"), 200), OBS) == {}
    expect(OBS.send(server, "PUT", bucket, "k", b"hello", {OBS.method: "kms"}), 200)


@pytest.mark.parametrize("operation, right", [("PUT", "Put"), ("DELETE", "Put"), ("GET", "Get")])
def test_the_right_to_a_default(server, s3, bucket, operation, right):
    expect(put_default(server, bucket, document(rule("AES256"))), 200)
    text = document(rule("AES256")) if operation == "PUT" else b""
    for given, status in [("Put", None), ("Get", None)]:
        who = identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow(f"s3:{given}EncryptionConfiguration")])
        caller = As(server, who)
        reply = OBS.send(caller, operation, bucket, body=text, query=[("encryption", None)])
        if given == right:
            assert reply.status in (200, 204), reply.body
        else:
            expect(reply, 403, "AccessDenied")


class As:
    """The server as somebody else comes to it."""

    def __init__(self, server, credentials):
        self._server = server
        self.access_key, self.secret_key = credentials[:2]
        note(self.secret_key)

    def __getattr__(self, name):
        return getattr(self._server, name)


# ---- §4.4: who decides ----------------------------------------------------------------------------------------------

DEFAULTS = ["nothing", "AES256", "kms", "kms and a key", "kms, a key and a bucket key"]
ASKED = {
    "nothing": {},
    "AES256": {OBS.method: "AES256"},
    "kms": {OBS.method: "kms"},
    "kms and a key": {OBS.method: "kms", OBS.key_id: "{other}"},
    "a customer key": OBS.trio(KEY),
    "no bucket key": {OBS.bucket_key: "false"},
    "a bucket key": {OBS.bucket_key: "true"},
}


def decided(default, asked):
    """(method, key, bucket key) of a new object, or a code. Keys: `own` is the default's, `other` the request's,
    `account` the account's default key."""
    of_bucket = {
        "nothing": (None, None, False), "AES256": ("AES256", None, False), "kms": ("kms", "account", False),
        "kms and a key": ("kms", "own", False), "kms, a key and a bucket key": ("kms", "own", True),
    }[default]  # fmt: skip
    if asked == "nothing":
        return of_bucket
    if asked == "a customer key":
        return ("SSE-C", None, False)
    if asked == "AES256":
        return ("AES256", None, False)
    if asked.startswith("kms"):
        # Who says so itself takes nothing over from the bucket, no bucket key either.
        return ("kms", "other" if asked == "kms and a key" else "account", False)
    if of_bucket[0] != "kms" or (asked == "a bucket key" and of_bucket[1] == "account"):
        return "InvalidArgument"
    return ("kms", of_bucket[1], asked == "a bucket key")


@pytest.fixture(scope="module")
def other_cmk(kms):
    return kms.create_key(Description="another")["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def account_key(server, s3, kms):
    """The account's default key, made by its first use."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    expect(OBS.send(server, "PUT", name, "k", b"x", {OBS.method: "kms"}), 200)
    return kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("default", DEFAULTS)
@pytest.mark.parametrize("way", WRITES)
def test_precedence(server, bucket, key_id, other_cmk, account_key, way, default, asked):
    if default != "nothing":
        key = key_id if "a key" in default else None
        flag = "<BucketKeyEnabled>true</BucketKeyEnabled>" if "bucket key" in default else ""
        expect(put_default(server, bucket, of("".join(elements(default.split()[0].strip(","), key)), flag)), 200)
    headers = {n: v.format(other=other_cmk) for n, v in ASKED[asked].items()}
    reply = write(server, OBS, way, bucket, headers)
    wanted = decided(default, asked)
    if wanted == "InvalidArgument":
        expect(reply, 400, wanted)
        return
    assert reply.status in (200, 204), reply.body
    told = encryption_of(reply, OBS)
    method = "SSE-C" if "server-side-encryption-customer-algorithm" in told else told.get("server-side-encryption")
    key = told.get("server-side-encryption-kms-key-id", "").rsplit("/")[-1] or None
    named = {key_id: "own", other_cmk: "other", account_key: "account"}.get(key)
    assert (method, named, told.get("server-side-encryption-bucket-key-enabled") == "true") == wanted


@pytest.mark.parametrize("source", ["AES256", "kms"])
def test_copies_without_headers(server, s3, bucket, key_id, source):
    """Onto itself an object keeps its method, elsewhere the target's bucket decides."""
    headers = {OBS.method: source} | ({OBS.key_id: key_id} if source == "kms" else {})
    expect(OBS.send(server, "PUT", bucket, "k", b"hello", headers), 200)
    before = shown(server, bucket)
    replace = OBS.copy_source(bucket, "k") | {"x-obs-metadata-directive": "REPLACE"}
    expect(OBS.send(server, "PUT", bucket, "k", headers=replace), 200)
    assert shown(server, bucket) == before
    assert encryption_of(expect(OBS.send(server, "PUT", bucket, "copy", headers=OBS.copy_source(bucket, "k")), 200), OBS) == {}
    there = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=there)
    copied = expect(OBS.send(server, "PUT", there, "k", headers=OBS.copy_source(bucket, "k")), 200)
    assert encryption_of(copied, OBS) == {}
    expect(put_default(server, there, of("".join(elements("AES256")))), 200)
    copied = expect(OBS.send(server, "PUT", there, "k", headers=OBS.copy_source(bucket, "k")), 200)
    assert encryption_of(copied, OBS) == {"server-side-encryption": "AES256"}
    # With headers, a copy onto itself changes the method.
    changed = OBS.copy_source(bucket, "k") | OBS.trio(KEY)
    expect(OBS.send(server, "PUT", bucket, "k", headers=changed), 200)
    assert "server-side-encryption" not in shown(server, bucket, headers=OBS.trio(KEY))


# ---- §4.6: ETags and checksums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["AES256", "kms", "SSE-C"])
def test_an_etag_is_the_md5_of_the_ciphertext(server, bucket, method):
    data = body(200 * KIB)
    headers = OBS.trio(KEY) if method == "SSE-C" else {OBS.method: method}
    before = disk.settled_blobs(server)
    reply = expect(OBS.send(server, "PUT", bucket, "k", data, headers), 200)
    (blob,) = disk.settled_blobs(server) - before
    tag = hashlib.md5(blob.read_bytes()).hexdigest()
    assert reply.headers["etag"] == f'"{tag}"' and tag != hashlib.md5(data).hexdigest()
    read = OBS.trio(KEY) if method == "SSE-C" else {}
    assert expect(OBS.send(server, "GET", bucket, "k", headers=read | {"If-Match": f'"{tag}"'}), 200).body == data
    plain = hashlib.md5(data).hexdigest()
    expect(OBS.send(server, "GET", bucket, "k", headers=read | {"If-Match": f'"{plain}"'}), 412)
    expect(OBS.send(server, "GET", bucket, "k", headers=read | {"If-None-Match": f'"{tag}"'}), 304)


@pytest.mark.parametrize("method", ["AES256", "kms", "SSE-C"])
def test_the_etag_of_an_upload_is_made_of_its_parts(server, bucket, method):
    headers = OBS.trio(KEY) if method == "SSE-C" else {OBS.method: method}
    read = OBS.trio(KEY) if method == "SSE-C" else {}
    upload = begin(server, OBS, bucket, headers)
    part = expect(send_part(server, OBS, bucket, upload, read), 200).headers["etag"]
    assert part.strip('"') != hashlib.md5(b"hello").hexdigest() and "-" not in part
    done = expect(complete(server, OBS, bucket, upload, part), 200)
    wanted = hashlib.md5(bytes.fromhex(part.strip('"'))).hexdigest()
    assert f"{wanted}-1" in re.search(rb"<ETag>(.*?)</ETag>", done.body)[1].decode()
    head = expect(OBS.send(server, "HEAD", bucket, "m", headers=read), 200)
    assert head.headers["etag"] == f'"{wanted}-1"'


def test_copies_under_other_methods_have_other_etags(server, bucket):
    tags = set()
    for headers in ({}, {OBS.method: "AES256"}, {OBS.method: "kms"}, OBS.trio(KEY)):
        reply = expect(OBS.send(server, "PUT", bucket, "k", headers=headers | OBS.copy_source(bucket, "source")), 200)
        tags.add(tag_of(reply))
    assert len(tags) == 4


@pytest.mark.parametrize("method", ["nothing", "AES256", "kms", "SSE-C"])
def test_a_checksum_is_of_the_plaintext(server, s3, bucket, method):
    headers = {"nothing": {}, "SSE-C": OBS.trio(KEY)}.get(method, {OBS.method: method})
    # CRC-64/XZ of the digits 1 to 9, the published check value.
    right = str(0x995DC9BBDF1939FA)
    good = headers | {"x-obs-checksum-crc64ecma": right}
    put = expect(OBS.send(server, "PUT", bucket, "k", b"123456789", good), 200)
    read = OBS.trio(KEY) if method == "SSE-C" else {}
    for reply in (put, expect(OBS.send(server, "GET", bucket, "k", headers=read), 200)):
        assert {n: v for n, v in reply.headers.items() if "crc64" in n} == {
            "x-obs-checksum-crc64ecma": right, "x-obs-hash-crc64ecma": right,
        }  # fmt: skip
    wrong = headers | {"x-obs-checksum-crc64ecma": str(int(right) ^ 1)}
    expect(OBS.send(server, "PUT", bucket, "other", b"123456789", wrong), 400, "BadDigest")
    assert "other" not in names(s3, bucket)


# ---- §4.9: rights to keys -------------------------------------------------------------------------------------------

OBJECT_RIGHTS = ["s3:PutObject", "s3:GetObject", "s3:ListBucket"]
KEY_RIGHTS = ["kms:cmk:get", "kms:cmk:list", "kms:cmk:create", "kms:dek:create", "kms:dek:crypto"]
# operation: the rights without which it is refused (the guide's lists name more than is needed).
NEEDS = {
    "put": {"kms:dek:create"},
    "post": {"kms:dek:create"},
    "copy": {"kms:dek:create"},
    "initiate": {"kms:dek:create"},
    # The upload has its DEK already; going on with it opens that.
    "upload part": {"kms:dek:crypto"},
    "part copy": {"kms:dek:crypto"},
    "get": {"kms:dek:crypto"},
    "head": set(),
    "copy from": {"kms:dek:crypto"},
}


@pytest.fixture(scope="module")
def somebody(server):
    """A user whose policy the tests change, and how."""
    name = f"u-{uuid.uuid4().hex[:12]}"
    caller = As(server, identities.make_user(server, name))
    iam = clients.iam(server)

    def may(key_rights):
        statements = [allow(OBJECT_RIGHTS)] + ([allow(sorted(key_rights))] if key_rights else [])
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=identities.document(*statements))
        return caller

    return may


def as_somebody(server, caller, operation, bucket, headers):
    """The operation as the caller, on what the owner made ready."""
    if operation in WRITES:
        return write(caller, OBS, operation, bucket, headers)
    if operation in ("upload part", "part copy"):
        return send_part(caller, OBS, bucket, begin(server, OBS, bucket, headers), {}, operation == "part copy")
    expect(OBS.send(server, "PUT", bucket, "k", b"hello", headers), 200)
    if operation == "copy from":
        return OBS.send(caller, "PUT", bucket, "copy", headers=OBS.copy_source(bucket, "k"))
    return OBS.send(caller, operation.upper(), bucket, "k")


@pytest.mark.parametrize("without", [None, *KEY_RIGHTS])
@pytest.mark.parametrize("operation", NEEDS)
def test_rights_to_the_key(server, s3, bucket, key_id, somebody, operation, without):
    """Each right missing alone, and none missing."""
    caller = somebody(set(KEY_RIGHTS) - {without})
    reply = as_somebody(server, caller, operation, bucket, {OBS.method: "kms", OBS.key_id: key_id})
    if without in NEEDS[operation]:
        expect(reply, 403, "AccessDenied")
        assert b"kms" not in reply.body.lower(), "who may not use a key learns nothing of it"
    else:
        assert reply.status in (200, 204), (reply.status, reply.body)


@pytest.mark.parametrize("operation", NEEDS)
def test_the_rights_that_suffice(server, bucket, key_id, somebody, operation):
    caller = somebody(NEEDS[operation])
    reply = as_somebody(server, caller, operation, bucket, {OBS.method: "kms", OBS.key_id: key_id})
    assert reply.status in (200, 204), (reply.status, reply.body)


@pytest.mark.parametrize("operation", ["put", "get", "initiate", "copy from"])
@pytest.mark.parametrize("method", ["AES256", "SSE-C"])
def test_other_methods_need_no_right_to_keys(server, bucket, somebody, operation, method):
    caller = somebody(set())
    headers = OBS.trio(KEY) if method == "SSE-C" else {OBS.method: method}
    if operation in WRITES:
        reply = write(caller, OBS, operation, bucket, headers)
    else:
        expect(OBS.send(server, "PUT", bucket, "k", b"hello", headers), 200)
        own = method == "SSE-C"
        if operation == "get":
            reply = OBS.send(caller, "GET", bucket, "k", headers=OBS.trio(KEY) if own else {})
        else:
            source = OBS.copy_source(bucket, "k") | (OBS.source(KEY) if own else {})
            reply = OBS.send(caller, "PUT", bucket, "copy", headers=source)
    assert reply.status == 200, (reply.status, reply.body)


# ---- §4.10: what each operation returns -----------------------------------------------------------------------------

METHODS = ["nothing", "SSE-KMS", "SSE-KMS, default key", "SSE-KMS, bucket key", "SSE-KMS, SM4", "SSE-OBS", "SSE-C"]


def asked_as(method, key_id):
    kms = {OBS.method: "kms", OBS.key_id: key_id}
    return {
        "nothing": {}, "SSE-KMS": kms, "SSE-KMS, default key": {OBS.method: "kms"},
        "SSE-KMS, bucket key": kms | {OBS.bucket_key: "true"}, "SSE-KMS, SM4": kms | {CIPHER: "SM4"},
        "SSE-OBS": {OBS.method: "AES256"}, "SSE-C": OBS.trio(KEY),
    }[method]  # fmt: skip


def told_of(method, operation, full, project):
    """Exactly what the answer tells of encryption; the default key's id is filled in by the test."""
    if method == "nothing":
        return {}
    if method == "SSE-OBS":
        return {"server-side-encryption": "AES256"}
    if method == "SSE-C":
        told = {"server-side-encryption-customer-algorithm": "AES256"}
        # A completion does not carry the key: the algorithm alone is known to be so.
        return told if operation == "complete" else told | {"server-side-encryption-customer-key-md5": KEY.md5}
    told = {"server-side-encryption": "kms", "server-side-encryption-kms-key-id": full}
    if operation not in ("get", "head") and method != "SSE-KMS, default key":
        told["sse-kms-key-project-id"] = project
    if method == "SSE-KMS, bucket key":
        told["server-side-encryption-bucket-key-enabled"] = "true"
    if method == "SSE-KMS, SM4":
        told["server-side-data-encryption"] = "SM4"
    return told


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("method", METHODS)
def test_what_each_operation_tells(server, kms, bucket, key_id, full, domain, account_key, project, method, operation):
    read = OBS.trio(KEY) if method == "SSE-C" else {}
    reply = ask(server, OBS, operation, bucket, asked_as(method, key_id), read)
    assert reply.status in (200, 204), (reply.status, reply.body)
    if method == "SSE-KMS, default key":
        full = f"{REGION}:{domain}:key/{account_key}"
    assert encryption_of(reply, OBS) == told_of(method, operation, full, project)
    for form in (KEY.base64, KEY.key.hex()):
        assert form not in str(reply.headers) and form.encode() not in reply.body


@pytest.mark.parametrize("method", METHODS)
def test_what_tells_nothing(server, bucket, key_id, method):
    """Lists, deletions, ACLs, tags, and a bucket's configuration."""
    headers = asked_as(method, key_id)
    expect(OBS.send(server, "PUT", bucket, "k", b"hello", headers), 200)
    upload = begin(server, OBS, bucket, headers)
    expect(send_part(server, OBS, bucket, upload, OBS.trio(KEY) if method == "SSE-C" else {}), 200)
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    many = b"<Delete><Object><Key>gone</Key></Object></Delete>"
    digest = lambda data: {"Content-MD5": base64.b64encode(hashlib.md5(data).digest()).decode()}  # noqa: E731
    asked = [
        ("GET", "", {}, b"", []), ("HEAD", "", {}, b"", []), ("GET", "", {}, b"", [("versions", None)]),
        ("GET", "", {}, b"", [("uploads", None)]), ("GET", "m", {}, b"", [("uploadId", upload)]),
        ("GET", "k", {}, b"", [("acl", None)]), ("PUT", "k", {"x-obs-acl": "private"}, b"", [("acl", None)]),
        ("PUT", "k", digest(tags), tags, [("tagging", None)]), ("GET", "k", {}, b"", [("tagging", None)]),
        ("DELETE", "k", {}, b"", [("tagging", None)]), ("POST", "", digest(many), many, [("delete", None)]),
        ("PUT", "", {}, document(rule("AES256")), [("encryption", None)]), ("GET", "", {}, b"", [("encryption", None)]),
        ("DELETE", "", {}, b"", [("encryption", None)]), ("DELETE", "m", {}, b"", [("uploadId", upload)]),
        ("DELETE", "k", {}, b"", []),
    ]  # fmt: skip
    for verb, name, more, text, query in asked:
        reply = OBS.send(server, verb, bucket, name, text, more, query)
        assert reply.status in (200, 204), (verb, name, query, reply.status, reply.body)
        assert encryption_of(reply, OBS) == {}, (verb, name, query)
        if query != [("encryption", None)]:
            shown = reply.body.lower()
            assert b"encrypt" not in shown and b"kms" not in shown, (verb, name, query)


def test_errors_of_head_are_in_headers(server, bucket):
    expect(OBS.send(server, "PUT", bucket, "k", b"hello", OBS.trio(KEY)), 200)
    for headers, code in [({}, "InvalidEncryptionAlgorithmError"), ({OBS.c_algorithm: "AES256"}, "InvalidArgument")]:
        reply = OBS.send(server, "HEAD", bucket, "k", headers=headers)
        assert (reply.status, reply.body, reply.headers["x-obs-error-code"]) == (400, b"", code)
        assert reply.headers["x-obs-error-message"]
        assert encryption_of(reply, OBS) == {}


def test_a_signed_url_carries_the_method(server, bucket, key_id, full):
    """OBS's clients put encryption headers among the parameters of a signed URL."""
    query = [("x-obs-server-side-encryption", "kms"), ("x-obs-server-side-encryption-kms-key-id", key_id)]
    request = signing.Request("PUT", "/k", query, {}, b"hello")
    signing.presign_obs(request, server, bucket)
    reply = expect(signing.send(request, server, tls=True, host=f"{bucket}.{DOMAIN}:{server.port}"), 200)
    assert reply.headers[OBS.method] == "kms" and reply.headers[OBS.key_id] == full
