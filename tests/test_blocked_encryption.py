"""A bucket that blocks customer keys (BlockedEncryptionTypes, SSE-C): every way to write under one is refused in either
dialect, reads go on, and what was begun before can only be aborted."""

import uuid

import pytest
from botocore.exceptions import ClientError
from test_post_form import post, signed
from test_sse_rules import Dialect, default, document, expect, rule, upload_id

from harness import clients, identities, signing
from harness.identities import allow, deny
from harness.keys import refused
from harness.sse import CustomerKey

KEY = CustomerKey()
SSE_C = "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>"
NONE = SSE_C.replace("SSE-C", "NONE")


def block(s3, bucket, kind="SSE-C", **more):
    rules = [{"BlockedEncryptionTypes": {"EncryptionType": [kind]}, **more}]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def shown(s3, bucket):
    (found,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return found


def blocked(s3, bucket):
    return shown(s3, bucket).get("BlockedEncryptionTypes", {}).get("EncryptionType")


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


def complete(tag):
    part = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    return f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()


def test_every_write_under_a_customer_key_is_refused(server, s3, bucket, dialect):
    d, trio = dialect, dialect.trio(KEY)
    expect(d.send(server, "PUT", bucket, "old", b"old", trio), 200)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"plain")
    begun = upload_id(d.send(server, "POST", bucket, "m", headers=trio, query=[("uploads", None)]))
    part = [("partNumber", "1"), ("uploadId", begun)]
    tag = expect(d.send(server, "PUT", bucket, "m", b"part", trio, part), 200).headers["etag"]
    block(s3, bucket)
    attempts = {
        "put": ("PUT", "k", b"x", trio, ()),
        "put with a malformed key": ("PUT", "k", b"x", trio | {d.c_algorithm: "AES192"}, ()),
        "put with part of the trio": ("PUT", "k", b"x", {d.c_algorithm: "AES256"}, ()),
        "copy": ("PUT", "k", b"", trio | d.copy_source(bucket, "plain"), ()),
        "copy from the same key": ("PUT", "k", b"", trio | d.source(KEY) | d.copy_source(bucket, "old"), ()),
        "initiate": ("POST", "k", b"", trio, [("uploads", None)]),
        "part": ("PUT", "m", b"x", trio, part),
        "part copy": ("PUT", "m", b"", trio | d.copy_source(bucket, "plain"), part),
        "complete with the key": ("POST", "m", complete(tag), trio, [("uploadId", begun)]),
        "complete without the key": ("POST", "m", complete(tag), {}, [("uploadId", begun)]),
    }
    for name, (method, key, data, headers, query) in attempts.items():
        reply = d.send(server, method, bucket, key, data, headers, query)
        assert (reply.status, reply.code) == (403, "AccessDenied"), (name, reply)
        assert KEY.base64.encode() not in reply.body
    form = signed(server, "obs" if d.name == "obs" else "v4", {"key": "k", "bucket": bucket} | trio)
    assert post(server, bucket, form).status_code == 403
    # Over plain HTTP too, whatever is wrong besides.
    assert d.send(server, "PUT", bucket, "k", b"x", trio, tls=False).status == 403
    assert sorted(o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]) == ["old", "plain"]
    # Reads, copies out under another method, and deleting go on.
    assert expect(d.send(server, "GET", bucket, "old", headers=trio), 200).body == b"old"
    expect(d.send(server, "HEAD", bucket, "old", headers=trio), 200)
    out = d.source(KEY) | d.copy_source(bucket, "old") | {d.method: "AES256"}
    expect(d.send(server, "PUT", bucket, "out", headers=out), 200)
    expect(d.send(server, "DELETE", bucket, "old"), 204)
    # Other methods are not concerned, and the upload can be aborted.
    for headers in ({}, {d.method: "AES256"}, {d.method: d.kms}):
        expect(d.send(server, "PUT", bucket, "k", b"x", headers), 200)
    expect(d.send(server, "DELETE", bucket, "m", query=[("uploadId", begun)]), 204)
    block(s3, bucket, "NONE")
    expect(d.send(server, "PUT", bucket, "k", b"x", trio), 200)


def test_an_upload_waits_for_the_block_to_be_lifted(server, s3, bucket):
    d = Dialect("s3")
    begun = upload_id(d.send(server, "POST", bucket, "m", headers=d.trio(KEY), query=[("uploads", None)]))
    part = [("partNumber", "1"), ("uploadId", begun)]
    tag = expect(d.send(server, "PUT", bucket, "m", b"part", d.trio(KEY), part), 200).headers["etag"]
    block(s3, bucket)
    expect(d.send(server, "POST", bucket, "m", complete(tag), query=[("uploadId", begun)]), 403, "AccessDenied")
    block(s3, bucket, "NONE")
    expect(d.send(server, "POST", bucket, "m", complete(tag), query=[("uploadId", begun)]), 200)
    assert expect(d.send(server, "GET", bucket, "m", headers=d.trio(KEY)), 200).body == b"part"


def test_a_copy_onto_itself_that_would_keep_the_customer_key(server, s3, bucket):
    """OBS keeps the method of such a copy: where it is blocked the copy is, and another method is asked for instead."""
    d = Dialect("obs")
    expect(d.send(server, "PUT", bucket, "k", b"x", d.trio(KEY)), 200)
    block(s3, bucket)
    itself = d.copy_source(bucket, "k") | d.source(KEY) | {"x-obs-metadata-directive": "REPLACE"}
    expect(d.send(server, "PUT", bucket, "k", headers=itself), 403, "AccessDenied")
    expect(d.send(server, "PUT", bucket, "k", headers=itself | {d.method: "AES256"}), 200)
    assert s3.get_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


def test_rights_are_told_before_the_block(server, s3, bucket):
    block(s3, bucket)
    nobody = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}"))
    refused(nobody.put_object, "AccessDenied", Bucket=bucket, Key="k", Body=b"x", **KEY.arguments())
    refused(nobody.put_bucket_encryption, "AccessDenied", Bucket=bucket, ServerSideEncryptionConfiguration={
        "Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]
    })  # fmt: skip
    assert blocked(s3, bucket) == ["SSE-C"]
    # Whoever may set the bucket's encryption may lift it, and a policy can keep them from it.
    policy = {"Principal": "*", **deny("s3:PutEncryptionConfiguration", f"arn:aws:s3:::{bucket}")}
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(policy))
    admin = identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    with pytest.raises(ClientError, match="AccessDenied"):
        block(admin, bucket, "NONE")
    s3.delete_bucket_policy(Bucket=bucket)


# ---- the document ---------------------------------------------------------------------------------------------------


def test_what_a_rule_leaves_out_stays(server, s3, bucket, cmk):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("aws:kms", cmk, True))
    assert blocked(s3, bucket) is None
    block(s3, bucket)
    kept = shown(s3, bucket)
    assert kept["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": cmk}
    assert kept["BucketKeyEnabled"] and blocked(s3, bucket) == ["SSE-C"]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=default("AES256"))
    assert blocked(s3, bucket) == ["SSE-C"], "left out"
    # Removing the default does not open the bucket.
    s3.delete_bucket_encryption(Bucket=bucket)
    assert blocked(s3, bucket) == ["SSE-C"]
    refused(s3.put_object, "AccessDenied", Bucket=bucket, Key="k", Body=b"x", **KEY.arguments())
    server.restart()
    assert blocked(s3, bucket) == ["SSE-C"]
    block(s3, bucket, "NONE")
    assert blocked(s3, bucket) == ["NONE"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KEY.arguments())
    s3.delete_bucket_encryption(Bucket=bucket)
    refused(s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=bucket)


def test_a_block_alone_is_shown_to_who_knows_the_word(server, s3, bucket, dialect):
    text = document(f"<Rule>{SSE_C}</Rule>")
    expect(dialect.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
    assert shown(s3, bucket) == {"BucketKeyEnabled": False, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    # OBS's clients ask for the default encryption, and there is none.
    obs = signing.obs(server, "GET", "/", bucket, query=[("encryption", None)])
    expect(obs, 404, "NoSuchEncryptionConfiguration")
    text = document(rule("AES256", outer=SSE_C))
    expect(dialect.send(server, "PUT", bucket, body=text, query=[("encryption", None)]), 200)
    obs = expect(signing.obs(server, "GET", "/", bucket, query=[("encryption", None)]), 200)
    assert b"<SSEAlgorithm>AES256</SSEAlgorithm>" in obs.body and SSE_C.encode() in obs.body


@pytest.mark.parametrize(
    "inner",
    [
        f"<Rule>{SSE_C.replace('SSE-C', 'SSE-KMS')}</Rule>",
        f"<Rule>{SSE_C.replace('SSE-C', 'sse-c')}</Rule>",
        f"<Rule>{SSE_C}{NONE}</Rule>",
        "<Rule><BlockedEncryptionTypes/></Rule>",
        "<Rule/>",
        f"<Rule>{SSE_C}</Rule><Rule>{SSE_C}</Rule>",
        "<Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType><EncryptionType>SSE-C</EncryptionType>"
        "</BlockedEncryptionTypes></Rule>",
    ],
)
def test_documents_that_are_refused_change_nothing(server, s3, bucket, inner):
    block(s3, bucket)
    reply = signing.v4(server, "PUT", f"/{bucket}", document(inner), query=[("encryption", None)], tls=True)
    assert (reply.status, reply.code) == (400, "MalformedXML"), reply
    assert blocked(s3, bucket) == ["SSE-C"]


# ---- the server's setting -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compat", ["aws", "ceph"])
def test_new_buckets_may_be_blocked_from_the_beginning(make_server, compat):
    server = make_server("--compat", compat)
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="before")
    server.arguments += ["--sse-block-customer-keys-on-new-buckets", "on", "--default-encryption", "kms"]
    server.restart()
    s3.create_bucket(Bucket="after")
    d = Dialect("obs")
    expect(d.send(server, "PUT", "of-obs"), 200)
    s3.put_object(Bucket="before", Key="k", Body=b"x", **KEY.arguments())
    expect(d.send(server, "PUT", "of-obs", "k", b"x", d.trio(KEY)), 200)
    refused(s3.put_object, "AccessDenied", Bucket="after", Key="k", Body=b"x", **KEY.arguments())
    expect(d.send(server, "PUT", "after", "k", b"x", d.trio(KEY)), 403, "AccessDenied")
    told = shown(s3, "after")
    assert told["BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]} and told["BucketKeyEnabled"] is False
    # AWS shows its own default beside it, and so is the server's shown; the suite of Ceph wants what was set.
    if compat == "aws":
        assert told["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    else:
        assert "ApplyServerSideEncryptionByDefault" not in told
        refused(s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket="before")
    block(s3, "after", "NONE")
    s3.put_object(Bucket="after", Key="k", Body=b"x", **KEY.arguments())
