"""ACLs over the wire: canned, by headers, as documents of both vocabularies; groups, anonymous access, other accounts; and
what switches them off: ownership and the block on public access."""

import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from obs import ACL, Grant, Grantee, Group, HeadPermission, Owner, Permission

from harness import clients, identities, signing
from harness.identities import allow

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@pytest.fixture(scope="module")
def other(server):
    """Another account."""
    return identities.make_account(server, "other", email="other@example.com")


@pytest.fixture(scope="module")
def other_s3(server, other):
    return identities.s3(server, other.credentials)


@pytest.fixture(scope="module")
def obs(server):
    client = clients.obs(server)
    yield client
    client.close()


def code(call, *arguments, **named):
    """The error's code."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **named)
    return refused.value.response["Error"]["Code"]


def anonymous(server, path, method="GET", **more):
    return requests.request(method, server.objects(True) + path, verify=str(server.ca), **more).status_code


def owner(s3):
    return s3.list_buckets()["Owner"]["ID"]


# ---- canned ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("acl", "read", "write"), [
    ("private", 403, 403), ("public-read", 200, 403), ("public-read-write", 200, 200), ("authenticated-read", 403, 403),
])  # fmt: skip
def test_canned_acls_of_buckets(server, s3, bucket, acl, read, write):
    s3.put_bucket_acl(Bucket=bucket, ACL=acl)
    assert anonymous(server, f"/{bucket}") == read
    assert anonymous(server, f"/{bucket}/anon", "PUT", data=b"x") == write
    grantees = {grant["Grantee"].get("URI"): grant["Permission"] for grant in s3.get_bucket_acl(Bucket=bucket)["Grants"]}
    assert grantees.pop(None) == "FULL_CONTROL"
    assert bool(grantees) == (acl != "private")


@pytest.mark.parametrize(("acl", "status"), [
    ("private", 403), ("public-read", 200), ("authenticated-read", 403), ("bucket-owner-full-control", 403),
])  # fmt: skip
def test_canned_acls_of_objects(server, s3, bucket, acl, status):
    s3.put_object(Bucket=bucket, Key="put", Body=b"x", ACL=acl)
    s3.put_object(Bucket=bucket, Key="later", Body=b"x")
    s3.put_object_acl(Bucket=bucket, Key="later", ACL=acl)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ACL=acl)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/put", ACL=acl)
    for key in ["put", "later", "parts", "copy"]:
        assert anonymous(server, f"/{bucket}/{key}") == status, key


def test_a_copy_has_its_own_acl_and_not_its_sources(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/open")
    assert anonymous(server, f"/{bucket}/open") == 200
    assert anonymous(server, f"/{bucket}/copy") == 403
    s3.put_object(Bucket=bucket, Key="open", Body=b"overwritten")
    assert anonymous(server, f"/{bucket}/open") == 403, "a new object has a new ACL"


def test_a_bucket_is_created_with_its_acl(server, s3):
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name, ACL="public-read")
    assert anonymous(server, f"/{name}") == 200
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name, GrantRead=f'uri="{ALL_USERS}"')
    assert anonymous(server, f"/{name}") == 200


def test_authenticated_read_is_for_whoever_signs(server, s3, other_s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="authenticated-read")
    assert other_s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert anonymous(server, f"/{bucket}/k") == 403


def test_anonymous_and_sse_kms(server, s3, bucket):
    """A public bucket gives nothing sealed under a CMK to the anonymous, who could not be asked for a right to it."""
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="kms", Body=b"x", ACL="public-read", ServerSideEncryption="aws:kms")
    assert anonymous(server, f"/{bucket}/plain") == 200
    assert anonymous(server, f"/{bucket}/kms") == 403


# ---- grants to accounts ---------------------------------------------------------------------------------------------


def test_grants_to_an_account_by_id_and_by_address(server, s3, other, other_s3, bucket):
    for grant in [f'id="{other.id}"', 'emailAddress="other@example.com"']:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        assert code(other_s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
        s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=grant)
        assert other_s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
        assert code(other_s3.get_object_acl, Bucket=bucket, Key="k") == "AccessDenied", "reading is not reading the ACL"
        assert code(other_s3.put_object, Bucket=bucket, Key="k", Body=b"y") == "AccessDenied"


def test_grants_to_nobody(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    nobody = "f" * len(owner(s3))
    assert code(s3.put_object_acl, Bucket=bucket, Key="k", GrantRead=f'id="{nobody}"') == "InvalidArgument"
    address = 'emailAddress="nobody@example.com"'
    assert code(s3.put_bucket_acl, Bucket=bucket, GrantWrite=address) == "UnresolvableGrantByEmailAddress"


def test_users_need_both_the_grant_and_a_policy(server, s3, other, bucket):
    """A grant is to an account; which of its users may use it, the account says."""
    without = identities.make_user(server, f"u-{bucket}", as_root=other.credentials)
    policy = [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*")]
    with_policy = identities.make_user(server, f"p-{bucket}", policy, as_root=other.credentials)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", GrantRead=f'id="{other.id}"')
    s3.put_object(Bucket=bucket, Key="not", Body=b"x")
    assert code(identities.s3(server, without).get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert identities.s3(server, with_policy).get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert code(identities.s3(server, with_policy).get_object, Bucket=bucket, Key="not") == "AccessDenied"


def test_the_owners_grant_gives_nothing_to_its_users(server, s3, bucket):
    """The owner's own FULL_CONTROL stands in every ACL; if it counted for users, every user would be root."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = identities.s3(server, identities.make_user(server, f"u-{bucket}"))
    assert code(user.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert code(user.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert code(user.put_bucket_acl, Bucket=bucket, ACL="public-read") == "AccessDenied"


def test_the_right_to_the_acl_is_its_own(s3, other, other_s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, GrantReadACP=f'id="{other.id}"', GrantWriteACP=f'id="{other.id}"')
    assert other_s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"] == owner(s3)
    assert code(other_s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    other_s3.put_bucket_acl(Bucket=bucket, GrantRead=f'id="{other.id}"')
    other_s3.list_objects_v2(Bucket=bucket)
    assert code(other_s3.get_bucket_acl, Bucket=bucket) == "AccessDenied", "it gave the right away itself"


def test_objects_belong_to_who_writes_them(server, s3, other, other_s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, GrantWrite=f'id="{other.id}"', GrantFullControl=f'id="{owner(s3)}"')
    other_s3.put_object(Bucket=bucket, Key="theirs", Body=b"x")
    assert code(s3.get_object, Bucket=bucket, Key="theirs") == "AccessDenied"
    assert other_s3.get_object(Bucket=bucket, Key="theirs")["Body"].read() == b"x"
    assert other_s3.get_object_acl(Bucket=bucket, Key="theirs")["Owner"]["ID"] == other.id
    other_s3.put_object(Bucket=bucket, Key="shared", Body=b"x", ACL="bucket-owner-full-control")
    assert s3.get_object(Bucket=bucket, Key="shared")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key="theirs")
    assert code(other_s3.get_object, Bucket=bucket, Key="theirs") in ("AccessDenied", "NoSuchKey")


# ---- documents ------------------------------------------------------------------------------------------------------


def test_a_document_of_s3_is_stored_and_shown(server, s3, other, bucket):
    me = owner(s3)
    grants = [
        {"Grantee": {"Type": "CanonicalUser", "ID": me}, "Permission": "FULL_CONTROL"},
        {"Grantee": {"Type": "CanonicalUser", "ID": other.id}, "Permission": "READ"},
        {"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "other@example.com"}, "Permission": "WRITE"},
        {"Grantee": {"Type": "Group", "URI": ALL_USERS}, "Permission": "READ_ACP"},
    ]
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={"Owner": {"ID": me}, "Grants": grants})
    shown = s3.get_bucket_acl(Bucket=bucket)
    assert shown["Owner"]["DisplayName"] and shown["Owner"]["ID"] == me
    found = [(g["Grantee"]["Type"], g["Grantee"].get("ID", g["Grantee"].get("URI")), g["Permission"]) for g in shown["Grants"]]
    assert sorted(found) == sorted([
        ("CanonicalUser", me, "FULL_CONTROL"), ("CanonicalUser", other.id, "READ"),
        ("CanonicalUser", other.id, "WRITE"), ("Group", ALL_USERS, "READ_ACP"),
    ])  # fmt: skip
    assert {g["Grantee"]["DisplayName"] for g in shown["Grants"] if g["Grantee"].get("ID") == other.id} == {"other"}
    assert anonymous(server, f"/{bucket}?acl") == 200 and anonymous(server, f"/{bucket}") == 403


def test_a_grant_header_stands_once(server, s3, other, bucket):
    """A second one would be a grant that a policy's condition may not see. A signed header cannot be sent twice through
    a dictionary, so this one stands in a presigned URL."""
    request = signing.Request("PUT", f"/{bucket}", [("acl", None)] + [("x-amz-grant-read", f"id%3D{other.id}")] * 2)
    reply = signing.send(signing.presign_v4(request, server), server, True)
    assert reply.status == 400 and reply.code != "SignatureDoesNotMatch", reply.body
    assert [g["Permission"] for g in s3.get_bucket_acl(Bucket=bucket)["Grants"]] == ["FULL_CONTROL"]


def test_the_owner_of_a_document_cannot_be_another(s3, other, bucket):
    document = {"Owner": {"ID": other.id}, "Grants": []}
    assert code(s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy=document) == "AccessDenied"


def test_the_obs_sdk_sets_and_reads_acls(server, s3, obs, other, bucket):
    me = owner(s3)
    acl = ACL(owner=Owner(owner_id=me), grants=[
        Grant(grantee=Grantee(grantee_id=me), permission=Permission.FULL_CONTROL),
        Grant(grantee=Grantee(group=Group.ALL_USERS), permission=Permission.READ, delivered=True),
        Grant(grantee=Grantee(grantee_id=other.id), permission=Permission.WRITE),
    ])  # fmt: skip
    assert obs.setBucketAcl(bucket, acl).status == 200
    shown = obs.getBucketAcl(bucket).body
    assert shown.owner.owner_id == me
    assert {(g.grantee.grantee_id or g.grantee.group, g.permission, g.delivered) for g in shown.grants} == {
        (me, "FULL_CONTROL", False), ("Everyone", "READ", True), (other.id, "WRITE", False),
    }  # fmt: skip
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert anonymous(server, f"/{bucket}/k") == 200, "the grant is delivered to the objects"
    assert obs.setObjectAcl(bucket, "k", aclControl=HeadPermission.PRIVATE).status == 200
    assert [g.permission for g in obs.getObjectAcl(bucket, "k").body.grants] == ["FULL_CONTROL"]
    assert obs.setBucketAcl(bucket, aclControl=HeadPermission.PRIVATE).status == 200
    assert anonymous(server, f"/{bucket}/k") == 403


def test_bad_documents_change_nothing(server, s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    for document in [b"<", b"<x/>", b"<AccessControlPolicy><AccessControlList><Grant/></AccessControlList></AccessControlPolicy>"]:
        reply = signing.v4(server, "PUT", f"/{bucket}", document, query=[("acl", None)], tls=True)
        assert (reply.status, reply.code) == (400, "MalformedACLError"), document
    bomb = b'<!DOCTYPE a [<!ENTITY b "cc">]><AccessControlPolicy>&b;</AccessControlPolicy>'
    assert signing.v4(server, "PUT", f"/{bucket}", bomb, query=[("acl", None)], tls=True).status == 400
    large = b"<AccessControlPolicy>" + b" " * 70_000 + b"</AccessControlPolicy>"
    assert signing.v4(server, "PUT", f"/{bucket}", large, query=[("acl", None)], tls=True).status == 400
    assert anonymous(server, f"/{bucket}") == 200


# ---- what switches them off -----------------------------------------------------------------------------------------


def test_ownership_enforced_ignores_and_refuses_acls(server, s3, other, other_s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    assert anonymous(server, f"/{bucket}/k") == 403
    assert code(s3.put_object, Bucket=bucket, Key="n", Body=b"x", ACL="public-read") == "AccessControlListNotSupported"
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == "AccessControlListNotSupported"
    s3.put_object(Bucket=bucket, Key="n", Body=b"x", ACL="bucket-owner-full-control")
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert code(s3.get_bucket_ownership_controls, Bucket=bucket) == "OwnershipControlsNotFoundError"
    assert anonymous(server, f"/{bucket}/k") == 200


def test_acls_cannot_be_switched_off_while_they_grant(s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    refused = code(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=controls)
    assert refused == "InvalidBucketAclWithObjectOwnership"


def test_ownership_of_a_new_bucket_by_header(s3):
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced")
    assert code(s3.put_bucket_acl, Bucket=name, ACL="public-read") == "AccessControlListNotSupported"


def test_the_block_on_public_access(server, s3, other, other_s3, bucket):
    assert code(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")

    def block(**switches):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=switches)

    block(BlockPublicAcls=True)
    assert anonymous(server, f"/{bucket}/k") == 200, "what was set before still counts"
    assert code(s3.put_object, Bucket=bucket, Key="n", Body=b"x", ACL="public-read") == "AccessDenied"
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL="authenticated-read") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="n", Body=b"x", GrantRead=f'id="{other.id}"')
    block(IgnorePublicAcls=True)
    assert anonymous(server, f"/{bucket}/k") == 403
    assert other_s3.get_object(Bucket=bucket, Key="n")["Body"].read() == b"x", "a grant to an account is not public"
    shown = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert shown == {
        "BlockPublicAcls": False, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False,
    }  # fmt: skip
    s3.delete_public_access_block(Bucket=bucket)
    assert anonymous(server, f"/{bucket}/k") == 200


def test_the_block_on_public_access_through_the_obs_sdk(server, s3, obs, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert obs.putBucketPublicAccessBlock(bucket, True, True, True, True).status == 200
    assert anonymous(server, f"/{bucket}") == 403
    assert obs.getBucketPublicAccessBlock(bucket).status == 200
    assert obs.deleteBucketPublicAccessBlock(bucket).status == 204
    assert anonymous(server, f"/{bucket}") == 200


def test_the_aws_command_line_sets_acls(server, s3, bucket):
    clients.aws(server, "s3api", "put-bucket-acl", "--bucket", bucket, "--acl", "public-read")
    assert "AllUsers" in clients.aws(server, "s3api", "get-bucket-acl", "--bucket", bucket).stdout
    assert anonymous(server, f"/{bucket}") == 200
