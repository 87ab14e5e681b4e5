"""Bucket policies over the wire: both grammars, both published policies that refuse unencrypted uploads, conditions, other
accounts, and what becomes of rights that are withdrawn."""

import json
import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from obs import CopyObjectHeader, PutObjectHeader, SseKmsHeader

from encryption_rows import begin, send_part, write
from harness import clients, identities, signing
from harness.identities import allow, deny
from harness.server import DOMAIN
from harness.signing import Request, presign_obs, presign_v4, send
from harness.sse import CustomerKey
from test_sse_rules import Dialect, expect


@pytest.fixture(scope="module")
def other(server):
    return identities.make_account(server, "other")


@pytest.fixture(scope="module")
def obs(server):
    client = clients.obs(server)
    yield client
    client.close()


def code(call, *arguments, **named):
    with pytest.raises(ClientError) as refused:
        call(*arguments, **named)
    return refused.value.response["Error"]["Code"]


def arns(bucket):
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def set_policy(s3, bucket, *statements, **more):
    """Sets a policy of these statements; where a statement does not say, it is about the whole bucket and everybody."""
    filled = [{"Principal": "*", **s, "Resource": arns(bucket) if s.get("Resource", "*") == "*" else s["Resource"]} for s in statements]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": filled}), **more)


def anonymous(server, path, method="GET", **more):
    return requests.request(method, server.objects(True) + path, verify=str(server.ca), **more).status_code


# ---- the document ---------------------------------------------------------------------------------------------------


def test_a_policy_comes_back_to_the_byte(s3, obs, bucket):
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    text = ' {"Version": "2012-10-17",\n "Statement": [{"Sid":"ü","Effect":"Deny","Principal":"*","Action":"s3:GetObject",' \
           f'"Resource":"arn:aws:s3:::{bucket}/x"}}]}}\n'  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(("change", "where"), [
    ({"Effect": "Permit"}, "Effect"), ({"Action": "s3:Nothing"}, "Action"), ({"Action": None}, "Action"),
    ({"Resource": "arn:aws:s3:::another/*"}, "Resource"), ({"Principal": None}, "Principal"),
    ({"Condition": {"StringEqual": {"s3:prefix": "a"}}}, "StringEqual"), ({"Conditions": {}}, "Conditions"),
    ({"NotAction": "s3:PutObject"}, "Action"),
], ids=lambda c: str(c)[:40])  # fmt: skip
def test_a_malformed_policy_is_told_what_is_wrong_where(s3, bucket, change, where):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    statement = {k: v for k, v in (statement | change).items() if v is not None}
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    error = refused.value.response["Error"]
    assert error["Code"] == "MalformedPolicy" and where in error["Message"], error
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"Statement": []}', "{}" + " " * 20480, "[" * 10_000], ids=lambda t: t[:12])
def test_what_is_no_policy(server, s3, bucket, text):
    reply = signing.v4(server, "PUT", f"/{bucket}", text.encode(), query=[("policy", None)], tls=True)
    assert reply.status == 400 and reply.code in ("MalformedPolicy", "MissingRequestBodyError"), (reply.code, text[:20])
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


def test_the_obs_grammar_through_the_obs_sdk(server, s3, obs, bucket):
    """No prefix at the actions, bare resources, `Principal: {"ID": …}`."""
    s3.put_object(Bucket=bucket, Key="open/k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"x")
    policy = {"Statement": [{
        "Sid": "read", "Effect": "Allow", "Principal": {"ID": "*"}, "Action": ["Get*", "ListBucket"],
        "Resource": [f"{bucket}/open/*", bucket],
    }]}  # fmt: skip
    assert obs.setBucketPolicy(bucket, json.dumps(policy)).status == 204
    assert anonymous(server, f"/{bucket}/open/k") == 200
    assert anonymous(server, f"/{bucket}") == 200
    assert anonymous(server, f"/{bucket}/closed") == 403
    assert json.loads(obs.getBucketPolicy(bucket).body.policyJSON) == policy
    assert obs.getBucketPolicyPublicStatus(bucket).body.status is True
    assert obs.deleteBucketPolicy(bucket).status == 204
    assert anonymous(server, f"/{bucket}/open/k") == 403


# ---- both published policies against unencrypted uploads ------------------------------------------------------------


def test_the_s3_policy_that_denies_unencrypted_uploads(server, s3, bucket):
    """As AWS published it: whatever does not ask for SSE-KMS is denied, the absent header included, and the owner too."""
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    set_policy(s3, bucket, deny(
        "s3:PutObject", f"arn:aws:s3:::{bucket}/*",
        Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    ))  # fmt: skip
    kms = {"ServerSideEncryption": "aws:kms"}
    for refused in [{}, {"ServerSideEncryption": "AES256"}]:
        assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **refused) == "AccessDenied"
        assert code(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/before", **refused) == "AccessDenied"
        assert code(s3.create_multipart_upload, Bucket=bucket, Key="k", **refused) == "AccessDenied"
    # The bucket's own default would encrypt, but the request did not say so.
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="put", Body=b"x", **kms)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/before", **kms)
    # Parts say nothing of encryption; they are judged by what the upload said.
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **kms)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.upload_part_copy(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=2, CopySource=f"{bucket}/before")
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    assert {o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"before", "put", "copy", "parts"}


def test_uploads_begun_before_the_policy_are_judged_by_what_they_said(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="plain")["UploadId"]
    set_policy(s3, bucket, deny(
        "s3:PutObject", f"arn:aws:s3:::{bucket}/*",
        Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    ))  # fmt: skip
    refused = code(s3.upload_part, Bucket=bucket, Key="plain", UploadId=upload, PartNumber=1, Body=b"x")
    assert refused == "AccessDenied"


def test_the_obs_policy_that_denies_unencrypted_uploads(server, s3, obs, bucket):
    """As OBS published it, in its own grammar, against its own client."""
    assert obs.putContent(bucket, "before", "x").status == 200
    policy = {"Statement": [{
        "Sid": "DenyUnencrypted", "Effect": "Deny", "Principal": {"ID": ["*"]}, "Action": ["PutObject"],
        "Resource": [f"{bucket}/*"],
        "Condition": {"StringNotEquals": {"x-obs-server-side-encryption": "kms"}},
    }]}  # fmt: skip
    assert obs.setBucketPolicy(bucket, json.dumps(policy)).status == 204
    kms = SseKmsHeader.getInstance()
    assert obs.putContent(bucket, "k", "x").errorCode == "AccessDenied"
    assert obs.copyObject(bucket, "before", bucket, "k").errorCode == "AccessDenied"
    assert obs.initiateMultipartUpload(bucket, "k").errorCode == "AccessDenied"
    assert obs.putContent(bucket, "put", "x", headers=PutObjectHeader(sseHeader=kms)).status == 200
    copied = obs.copyObject(bucket, "before", bucket, "copy", headers=CopyObjectHeader(destSseHeader=kms))
    assert copied.status == 200, (copied.errorCode, copied.errorMessage)
    assert obs.initiateMultipartUpload(bucket, "parts", sseHeader=kms).status == 200
    # One key, whatever the dialect of the request and of the policy.
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="s3", Body=b"x", ServerSideEncryption="aws:kms")


def test_a_presigned_url_speaks_for_its_parameters(server, s3, bucket):
    set_policy(s3, bucket, deny(
        "s3:PutObject", f"arn:aws:s3:::{bucket}/*",
        Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    ))  # fmt: skip
    plain = presign_v4(Request("PUT", f"/{bucket}/k", body=b"x"), server)
    assert send(plain, server, tls=True).status == 403
    asked = Request("PUT", f"/{bucket}/k", [("x-amz-server-side-encryption", "aws%3Akms")], body=b"x")
    assert send(presign_v4(asked, server), server, tls=True).status == 200
    asked = Request("PUT", "/o", [("x-obs-server-side-encryption", "kms")], body=b"x")
    host = f"{bucket}.{DOMAIN}:{server.port}"
    assert send(presign_obs(asked, server, bucket), server, tls=True, host=host).status == 200


# ---- who ------------------------------------------------------------------------------------------------------------


def test_other_accounts_need_both_sides(server, s3, other, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    root = identities.s3(server, other.credentials)
    without = identities.s3(server, identities.make_user(server, f"w-{bucket}", as_root=other.credentials))
    policy = [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")]
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}", policy, as_root=other.credentials))
    for client in (root, without, user):
        assert code(client.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    set_policy(s3, bucket, allow("s3:GetObject", Principal={"AWS": f"arn:aws:iam::{other.number}:root"}))
    assert root.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert user.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert code(without.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert code(root.put_object, Bucket=bucket, Key="k", Body=b"y") == "AccessDenied"
    assert anonymous(server, f"/{bucket}/k") == 403


def test_a_users_right_by_the_bucket_alone(server, s3, bucket):
    """In the own account one side is enough."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    name = f"u-{bucket}"
    user = identities.s3(server, identities.make_user(server, name))
    arn = clients.iam(server).get_user(UserName=name)["User"]["Arn"]
    assert code(user.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    set_policy(s3, bucket, allow("s3:GetObject", Principal={"AWS": arn}))
    assert user.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_an_explicit_deny_always_wins(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}", [allow("*")]))
    set_policy(s3, bucket, allow("s3:*"), deny("s3:GetObject"))
    for call in (s3.get_object, s3.head_object, user.get_object):
        assert code(call, Bucket=bucket, Key="k") in ("AccessDenied", "403")
    assert anonymous(server, f"/{bucket}/k") == 403
    assert code(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k") == "AccessDenied"


def test_the_owner_can_always_take_its_policy_back(s3, bucket):
    set_policy(s3, bucket, deny("s3:*"))
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    s3.get_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)


def test_unless_it_said_otherwise(s3, bucket):
    set_policy(s3, bucket, deny("s3:*"), ConfirmRemoveSelfBucketAccess=True)
    assert code(s3.get_bucket_policy, Bucket=bucket) == "AccessDenied"
    assert code(s3.delete_bucket_policy, Bucket=bucket) == "AccessDenied"


@pytest.mark.parametrize("condition", [
    {"StringEquals": {"aws:userid": "anonymous"}},
    {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "k"}},
], ids=str)  # fmt: skip
def test_what_anybody_can_meet_does_not_keep_a_policy_from_being_public(s3, bucket, condition):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    assert code(set_policy, s3, bucket, allow("s3:*Object", Condition=condition)) == "AccessDenied"
    set_policy(s3, bucket, allow("s3:*Object", Condition={"StringEquals": {"aws:userid": "AIDAEXAMPLE"}}))


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\u3000"], ids=ascii)
def test_blanks_of_unicode_hide_no_header_from_a_policy(server, s3, bucket, blank):
    public = {"StringEquals": {"s3:x-amz-acl": "public-read"}}
    # Who may look at the bucket is told what is wrong with the request: so it is seen which of the two refused it.
    anybody = allow(["s3:PutObject", "s3:PutObjectAcl", "s3:ListBucket"])
    set_policy(s3, bucket, anybody, deny("s3:PutObject", Condition=public))

    def put(value):
        return anonymous(server, f"/{bucket}/k", "PUT", data=b"x", headers={"x-amz-acl": value.encode()})

    assert put("public-read") == put("public-read \t") == 403
    assert put(blank + "public-read") == put("public-read" + blank) == 400
    assert anonymous(server, f"/{bucket}/k") == 404
    assert put("bucket-owner-full-control") == 200


def test_delivered_grants_are_grants_to_a_policy(server, s3, bucket):
    everyone = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    for condition, kind in (("read", "read-delivered"), ("full-control", "full-control-delivered")):
        set_policy(s3, bucket, deny("s3:PutBucketAcl", Condition={"StringLike": {f"s3:x-amz-grant-{condition}": "*AllUsers*"}}))
        reply = signing.obs(server, "PUT", "/", bucket, b"", {f"x-obs-grant-{kind}": everyone}, [("acl", None)], tls=True)
        assert (reply.status, reply.code) == (403, "AccessDenied"), kind
        s3.delete_bucket_policy(Bucket=bucket)
        reply = signing.obs(server, "PUT", "/k", bucket, b"x", {f"x-obs-grant-{kind}": everyone}, tls=True)
        assert (reply.status, reply.code) == (400, "InvalidArgument"), "objects deliver nothing"
        reply = signing.v4(server, "PUT", f"/{bucket}", b"", {f"x-amz-grant-{kind}": everyone}, [("acl", None)], tls=True)
        assert (reply.status, reply.code) == (400, "InvalidArgument"), "S3 knows no such grant"
    reply = signing.v4(server, "PUT", f"/{bucket}", b"", {"x-amz-acl": "public-read-delivered"}, [("acl", None)], tls=True)
    assert (reply.status, reply.code) == (400, "InvalidArgument")
    assert anonymous(server, f"/{bucket}") == 403


def test_public_policies_are_blocked_and_restricted(server, s3, other, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    assert code(set_policy, s3, bucket, allow("s3:GetObject")) == "AccessDenied"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    set_policy(s3, bucket, allow("s3:GetObject"))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert anonymous(server, f"/{bucket}/k") == 403
    assert code(identities.s3(server, other.credentials).get_object, Bucket=bucket, Key="k") == "AccessDenied"
    s3.delete_public_access_block(Bucket=bucket)
    assert anonymous(server, f"/{bucket}/k") == 200


# ---- conditions -----------------------------------------------------------------------------------------------------


def test_listings_by_prefix(server, s3, bucket):
    condition = {"StringLike": {"s3:prefix": ["home/*"]}, "NumericLessThanEquals": {"s3:max-keys": "10"}}
    policy = [allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=condition)]
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}", policy))
    user.list_objects_v2(Bucket=bucket, Prefix="home/alice", MaxKeys=10)
    user.list_objects(Bucket=bucket, Prefix="home/", MaxKeys=10)
    for refused in [{}, {"Prefix": "home"}, {"Prefix": "home/"}, {"Prefix": "home/", "MaxKeys": 11}]:
        assert code(user.list_objects_v2, Bucket=bucket, **refused) == "AccessDenied", refused


def test_object_tags(server, s3, bucket):
    existing = {"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}
    requested = {"StringEquals": {"s3:RequestObjectTag/team": "a"}, "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team"]}}
    policy = [
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Condition=existing),
        allow(["s3:PutObject", "s3:PutObjectTagging"], f"arn:aws:s3:::{bucket}/*", Condition=requested),
    ]
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}", policy))
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", Tagging="open=yes")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"x", Tagging="open=no")
    assert user.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    assert code(user.get_object, Bucket=bucket, Key="closed") == "AccessDenied"
    s3.put_object_tagging(Bucket=bucket, Key="closed", Tagging={"TagSet": [{"Key": "open", "Value": "yes"}]})
    assert user.get_object(Bucket=bucket, Key="closed")["Body"].read() == b"x"
    user.put_object(Bucket=bucket, Key="mine", Body=b"x", Tagging="team=a")
    for refused in ["", "team=b", "team=a&more=1"]:
        assert code(user.put_object, Bucket=bucket, Key="mine", Body=b"x", Tagging=refused) == "AccessDenied", refused
    user.put_object_tagging(Bucket=bucket, Key="mine", Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    for tags in ({}, {"team": "b"}, {"team": "a", "more": "1"}):
        tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        assert code(user.put_object_tagging, Bucket=bucket, Key="mine", Tagging=tagging) == "AccessDenied", tags
    assert s3.get_object_tagging(Bucket=bucket, Key="mine")["TagSet"] == [{"Key": "team", "Value": "a"}]
    assert code(user.delete_object_tagging, Bucket=bucket, Key="mine") == "AccessDenied"


def test_tags_are_shown_to_who_may_read_them(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=2")
    assert s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}", [allow("s3:GetObject")]))
    assert "x-amz-tagging-count" not in user.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    assert code(user.get_object_tagging, Bucket=bucket, Key="k") == "AccessDenied"


def test_canned_acls_and_grants_by_condition(s3, bucket):
    set_policy(s3, bucket, deny(["s3:PutObject", "s3:PutObjectAcl"], Condition={"StringEquals": {"s3:x-amz-acl": "public-read"}}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read") == "AccessDenied"
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == "AccessDenied"
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="authenticated-read")


def test_copy_sources_by_condition(s3, bucket):
    s3.put_object(Bucket=bucket, Key="public/a b", Body=b"x")
    s3.put_object(Bucket=bucket, Key="secret/a b", Body=b"x")
    set_policy(s3, bucket, deny("s3:PutObject", Condition={"StringNotLike": {"s3:x-amz-copy-source": f"{bucket}/public/*"}}))
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/public/a b")
    for source in [f"{bucket}/secret/a b", {"Bucket": bucket, "Key": "secret/a b"}]:
        assert code(s3.copy_object, Bucket=bucket, Key="c", CopySource=source) == "AccessDenied"


def test_transport_and_signature_by_condition(server, s3, s3_http, bucket):
    set_policy(
        s3, bucket,
        deny("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        deny("s3:GetObject", f"arn:aws:s3:::{bucket}/v4", Condition={"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}),
        deny("s3:GetObject", f"arn:aws:s3:::{bucket}/header", Condition={"StringNotEquals": {"s3:authType": "REST-HEADER"}}),
        deny("s3:GetObject", f"arn:aws:s3:::{bucket}/fresh", Condition={"NumericGreaterThan": {"s3:signatureAge": "60000"}}),
        deny("s3:GetObject", f"arn:aws:s3:::{bucket}/tls", Condition={"NumericLessThan": {"s3:TlsVersion": "1.4"}}),
    )  # fmt: skip
    for key in ["k", "v4", "header", "fresh", "tls"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.get_object(Bucket=bucket, Key="k")
    assert code(s3_http.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    s3.get_object(Bucket=bucket, Key="v4")
    assert signing.obs(server, "GET", "/v4", bucket, tls=True).status == 403
    assert signing.obs(server, "GET", "/k", bucket, tls=True).status == 200
    s3.get_object(Bucket=bucket, Key="header")
    assert send(presign_v4(Request("GET", f"/{bucket}/header"), server), server, tls=True).status == 403
    assert send(presign_v4(Request("GET", f"/{bucket}/fresh"), server), server, tls=True).status == 200
    old = signing.amz_date(signing.datetime.now(signing.timezone.utc) - signing.timedelta(minutes=2))
    assert send(presign_v4(Request("GET", f"/{bucket}/fresh"), server, stamp=old), server, tls=True).status == 403
    assert code(s3.get_object, Bucket=bucket, Key="tls") == "AccessDenied"


# What the server knows by itself, in the spellings an attacker would try, each with the value that would let them in.
SPOOFED = {
    "aws:SourceIp": "203.0.113.7", "aws:SecureTransport": "spoofed", "aws:CurrentTime": "2001-01-01T00:00:00Z",
    "aws:EpochTime": "978307200", "aws:PrincipalArn": "arn:aws:iam::000000000009:root", "aws:PrincipalType": "Spoofed",
    "aws:userid": "spoofed", "aws:username": "spoofed", "aws:PrincipalAccount": "000000000009",
    "aws:TokenIssueTime": "2001-01-01T00:00:00Z", "aws:MultiFactorAuthPresent": "true", "s3:TlsVersion": "9",
    "s3:signatureversion": "SPOOFED", "s3:authType": "SPOOFED", "s3:ResourceAccount": "000000000009",
    "s3:ExistingObjectTag/a": "spoofed", "g:DomainId": "spoofed", "g:DomainName": "spoofed", "aws:PrincipalTag/a": "spoofed",
}  # fmt: skip


@pytest.mark.parametrize("key", SPOOFED)
def test_what_the_server_knows_cannot_be_sent(server, s3, bucket, key):
    """Sent as header and as parameter, in every spelling: an Allow that asks for it lets nobody in."""
    value = SPOOFED[key]
    operator = "IpAddress" if key == "aws:SourceIp" else "DateEquals" if "Time" in key and "Epoch" not in key else "StringEquals"
    if key == "aws:EpochTime":
        operator = "NumericEquals"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    set_policy(s3, bucket, allow("s3:GetObject", Condition={operator: {key: value}}))
    bare = key.split(":")[1]
    names = {bare, bare.lower(), bare.replace("/", "-"), f"x-amz-{bare}", f"x-obs-{bare}", key.replace(":", "-")}
    headers = {name.replace("/", "-"): value for name in names}
    headers |= {"X-Forwarded-For": value, "X-Real-IP": value, "Forwarded": f"for={value}", "X-Forwarded-Proto": value}
    query = {name: value for name in names | {key}}
    assert anonymous(server, f"/{bucket}/k", headers=headers) == 403
    assert anonymous(server, f"/{bucket}/k", params=query) in (400, 403)
    user = identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}")
    url = identities.s3(server, user).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.get(url, headers=headers, verify=str(server.ca)).status_code == 403


def test_a_forwarded_address_without_a_trusted_proxy_is_ignored(server, s3, bucket):
    """CVE-2026-21862. And the address that counts is the connection's."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    set_policy(s3, bucket, allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"]:
        assert anonymous(server, f"/{bucket}/k", headers={header: "203.0.113.7"}) == 403, header
    set_policy(s3, bucket, allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    assert anonymous(server, f"/{bucket}/k", headers={"X-Forwarded-For": "203.0.113.7"}) == 200


# ---- rights that are withdrawn --------------------------------------------------------------------------------------


def test_a_presigned_url_is_worth_what_its_signer_may_do_now(server, s3, bucket):
    """CVE-2021-21362: the right is asked when the URL is used."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    name = f"u-{bucket}"
    credentials = identities.make_user(server, name, [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")])
    user = identities.s3(server, credentials)
    url = user.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    get = lambda: requests.get(url, verify=str(server.ca))  # noqa: E731
    iam = clients.iam(server)
    assert get().content == b"x"
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    assert get().status_code == 403 and "AccessDenied" in get().text
    iam.put_user_policy(
        UserName=name, PolicyName="inline", PolicyDocument=identities.document(allow("s3:GetObject"))
    )
    assert get().content == b"x"
    iam.update_access_key(UserName=name, AccessKeyId=credentials[0], Status="Inactive")
    assert get().status_code == 403 and "InvalidAccessKeyId" in get().text
    iam.update_access_key(UserName=name, AccessKeyId=credentials[0], Status="Active")
    assert get().content == b"x"
    iam.delete_access_key(UserName=name, AccessKeyId=credentials[0])
    assert get().status_code == 403


def test_expected_owners(server, s3, other, bucket):
    me = s3.list_buckets()["Owner"]["ID"]
    root = identities.s3(server, other.credentials)
    set_policy(s3, bucket, allow("s3:ListBucket", Principal={"AWS": f"arn:aws:iam::{other.number}:root"}))
    root.list_objects_v2(Bucket=bucket, ExpectedBucketOwner=me)
    assert code(root.list_objects_v2, Bucket=bucket, ExpectedBucketOwner=other.id) == "AccessDenied"
    assert code(root.list_objects_v2, Bucket=bucket, ExpectedBucketOwner=other.number) == "AccessDenied"
    assert code(s3.list_objects_v2, Bucket="no-such-bucket-here", ExpectedBucketOwner=me) == "NoSuchBucket"


# ---- rights of their own --------------------------------------------------------------------------------------------


def user_with(server, bucket, *statements):
    return identities.s3(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", list(statements)))


def test_a_named_version_is_a_right_of_its_own(server, s3, bucket):
    """CVE-2026-39360: whoever may read the current version may not thereby read any."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    every = f"arn:aws:s3:::{bucket}/*"
    current = user_with(server, bucket, allow(["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectAcl", "s3:DeleteObject"], every))
    for call in (current.get_object, current.get_object_tagging, current.get_object_acl):
        call(Bucket=bucket, Key="k")
        assert code(call, Bucket=bucket, Key="k", VersionId="null") == "AccessDenied"
    assert code(current.delete_object, Bucket=bucket, Key="k", VersionId="null") == "AccessDenied"
    named = user_with(server, bucket, allow("s3:GetObjectVersion", every, Condition={"StringEquals": {"s3:VersionId": "null"}}))
    assert named.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"x"
    assert code(named.get_object, Bucket=bucket, Key="k") == "AccessDenied"


def test_copies_ask_for_the_source_and_the_target(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="from/k", Body=b"x")
    read = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/from/*")
    write = allow("s3:PutObject", f"arn:aws:s3:::{bucket}/to/*")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to/parts")["UploadId"]

    def copy(client, **source):
        client.copy_object(Bucket=bucket, Key="to/k", CopySource={"Bucket": bucket, "Key": "from/k", **source})

    def copy_part(client, **source):
        client.upload_part_copy(
            Bucket=bucket, Key="to/parts", UploadId=upload, PartNumber=1,
            CopySource={"Bucket": bucket, "Key": "from/k", **source},
        )  # fmt: skip

    both = user_with(server, bucket, read, write)
    for ask in (copy, copy_part):
        for half in (read, write):
            assert code(ask, user_with(server, bucket, half)) == "AccessDenied"
        ask(both)
        assert code(ask, both, VersionId="null") == "AccessDenied", "the version of a source is a right of its own"


def test_the_right_to_put_is_not_the_right_to_the_cmk(server, s3, bucket, cmk):
    """Confused deputy: 403 for keys that exist, that do not and that are disabled alike."""
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    user = user_with(server, bucket, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*"))
    absent = cmk[:-4] + ("0000" if not cmk.endswith("0000") else "1111")
    answers = set()
    for key in (cmk, absent):
        with pytest.raises(ClientError) as refused:
            user.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
        error = refused.value.response["Error"]
        answers.add((error["Code"], error["Message"]))
    assert answers == {("AccessDenied", "Access Denied")}
    assert code(user.get_object, Bucket=bucket, Key="sealed") == "AccessDenied"
    granted = user_with(
        server, bucket, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*"),
        allow(["kms:GenerateDataKey", "kms:Decrypt"], cmk),
    )  # fmt: skip
    assert granted.get_object(Bucket=bucket, Key="sealed")["Body"].read() == b"x"
    granted.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)


def test_conditional_headers_tell_nothing_to_who_may_not(server, s3, bucket):
    """CVE-2024-36107: no 304 and no 412 where there is no right."""
    etag = s3.put_object(Bucket=bucket, Key="there", Body=b"x")["ETag"]
    credentials = identities.make_user(server, f"u-{bucket}")
    signer = type("As", (), dict(port=server.port, ca=server.ca, access_key=credentials[0], secret_key=credentials[1]))
    for headers in [{}, {"If-None-Match": etag}, {"If-Match": '"0"'}, {"If-Modified-Since": "Wed, 27 Jun 2018 13:39:15 GMT"}]:
        answers = set()
        for key in ["there", "absent"]:
            for method in ["GET", "HEAD"]:
                request = signing.sign_v4(Request(method, f"/{bucket}/{key}", [], dict(headers)), signer)
                answers.add(send(request, server, tls=True).status)
        assert answers == {403}, headers
    request = signing.sign_v4(Request("PUT", f"/{bucket}/there", [], {"If-None-Match": "*"}, b"y"), signer)
    assert send(request, server, tls=True).status == 403


# ---- the usual refusal of customer keys -----------------------------------------------------------------------------


@pytest.mark.parametrize("grammar", ["s3", "obs"])
@pytest.mark.parametrize("name", ["s3", "obs"])
def test_customer_keys_are_refused_by_the_usual_policy(server, s3, bucket, name, grammar):
    """`Null: false` of the customer algorithm: whoever sends one is refused, in every way to write and in both dialects,
    by the condition's name in S3's words or in OBS's. What comes without one is not."""
    dialect, key = Dialect(name), CustomerKey()
    expect(dialect.send(server, "PUT", bucket, "source", b"hello"), 200)
    upload = begin(server, dialect, bucket, dialect.trio(key))
    said = {
        "s3": "s3:x-amz-server-side-encryption-customer-algorithm",
        "obs": "x-obs-server-side-encryption-customer-algorithm",
    }[grammar]
    set_policy(s3, bucket, {**deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*"), "Condition": {"Null": {said: "false"}}})
    for way in ("put", "copy", "post", "initiate"):
        expect(write(server, dialect, way, bucket, dialect.trio(key)), 403, "AccessDenied")
        assert write(server, dialect, way, bucket, {}).status in (200, 204)
        assert write(server, dialect, way, bucket, {dialect.method: "AES256"}).status in (200, 204)
    # A part is of what its upload was begun with.
    expect(send_part(server, dialect, bucket, upload, dialect.trio(key)), 403, "AccessDenied")
    # Reads send the algorithm too; the policy is about writes.
    s3.delete_bucket_policy(Bucket=bucket)
    expect(dialect.send(server, "PUT", bucket, "own", b"hello", dialect.trio(key)), 200)
    condition = {"StringEquals": {said: "AES256"}}
    set_policy(s3, bucket, {**deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*"), "Condition": condition})
    assert expect(dialect.send(server, "GET", bucket, "own", headers=dialect.trio(key)), 200).body == b"hello"
    expect(dialect.send(server, "PUT", bucket, "own", b"again", dialect.trio(key)), 403, "AccessDenied")
    set_policy(s3, bucket, {**deny("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Condition": condition})
    for operation in ("GET", "HEAD"):
        assert dialect.send(server, operation, bucket, "own", headers=dialect.trio(key)).status == 403
    expect(dialect.send(server, "GET", bucket, "source"), 200)
