"""The table of docs/dialects/authorisation.md, asked of the running server: each operation as each kind of requester."""

import base64
import hashlib
import json
import re
import uuid
from types import SimpleNamespace

import pytest

from harness import clients, identities, signing
from harness.server import REPOSITORY
from harness.signing import Request, send, sign_v4

# What cannot be asked in one signed request: the unsigned probe, and forms, whose credential stands in their body. What
# asks for rights to keys as well: test_update_encryption.py.
ASKED_ELSEWHERE = {"ApiVersion", "PostObject", "UpdateObjectEncryption"}

# What goes on with an upload.
OF_AN_UPLOAD = {"UploadPart", "UploadPartCopy", "CompleteMultipartUpload"}


def table():
    """operation -> (rights that are always asked, column -> yes or no)."""
    text = (REPOSITORY / "docs" / "dialects" / "authorisation.md").read_text()
    lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line.startswith("|")]
    headings, _, *rows = lines
    return {row[0]: (always(row[1]), dict(zip(headings[2:], row[2:]))) for row in rows}


def always(asks):
    """`s3:GetObject on object; s3:GetObjectVersion on object (instead, …)`: the actions without a parenthesis behind."""
    found = []
    for ask in filter(None, asks.split("; ")):
        action, _, on = ask.partition(" on ")
        if "(" not in on:
            found.append((action.split(" ")[0], on))
    return found


TABLE = table()


class Stage:
    """One bucket with what the operations need, and the requesters."""

    def __init__(self, server):
        self.server = server
        self.s3 = clients.s3(server)
        self.iam = clients.iam(server)
        self.other = identities.make_account(server, "other-account")
        self.other_iam = clients.iam(server, self.other.credentials)
        self.bucket = f"b-{uuid.uuid4().hex[:20]}"
        self.s3.create_bucket(Bucket=self.bucket)
        as_other = {"as_root": self.other.credentials}
        self.requesters = {
            "anonymous": None,
            "owner's root": (server.access_key, server.secret_key),
            "user without policy": identities.make_user(server, "nobody"),
            "user with the actions": identities.make_user(server, "somebody"),
            "other account's root": self.other.credentials,
            "other account's user without policy": identities.make_user(server, "nobody", **as_other),
            "other account's user with the actions": identities.make_user(server, "somebody", **as_other),
        }

    def prepare(self, operation, rights, column):
        """Gives the users their policy and the bucket its own, as the column's heading says. Returns the credentials."""
        who, _, policy = column.partition(", ")
        actions = sorted({action for action, _ in rights})
        identity = identities.document(identities.allow(actions))
        for iam in (self.iam, self.other_iam):
            iam.put_user_policy(UserName="somebody", PolicyName="inline", PolicyDocument=identity)
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        self.restore()
        if operation in OF_AN_UPLOAD and not who.startswith(("owner's", "user")):
            self.begin_upload(None if who == "anonymous" else self.other.credentials)
        on_bucket = sorted({action for action, on in rights if on not in ("service", "new bucket")})
        if policy and on_bucket:
            principal = {"AWS": f"arn:aws:iam::{self.other.number}:root"} if policy.endswith("for it") else "*"
            statement = {
                "Effect": "Deny" if "denies" in policy else "Allow", "Principal": principal, "Action": on_bucket,
                "Resource": [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"],
            }  # fmt: skip
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.s3.put_bucket_policy(Bucket=self.bucket, Policy=document)
        return self.requesters[who]

    def restore(self):
        """What a request may have changed."""
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=b"x", Tagging="a=b")
        self.s3.put_bucket_acl(Bucket=self.bucket, ACL="private")
        self.s3.delete_public_access_block(Bucket=self.bucket)
        self.s3.delete_bucket_ownership_controls(Bucket=self.bucket)
        self.s3.delete_bucket_encryption(Bucket=self.bucket)
        self.upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="k", UploadId=self.upload, PartNumber=1, Body=b"x")
        self.etag = part["ETag"]

    def begin_upload(self, credentials):
        """An upload of the requester's own account, or of the anonymous: whoever may write goes on only with those."""
        statement = {
            "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{self.bucket}/*",
        }  # fmt: skip
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=document)
        reply = self.ask("CreateMultipartUpload", credentials)
        assert reply.status == 200, reply.body
        self.upload = re.search(rb"<UploadId>(.+)</UploadId>", reply.body)[1].decode()
        part = self.s3.upload_part(Bucket=self.bucket, Key="k", UploadId=self.upload, PartNumber=1, Body=b"x")
        self.etag = part["ETag"]
        self.s3.delete_bucket_policy(Bucket=self.bucket)

    def request(self, operation):
        bucket, key = f"/{self.bucket}", f"/{self.bucket}/k"
        source = {"x-amz-copy-source": f"{self.bucket}/k"}
        upload = [("uploadId", self.upload)]
        one_part = [("partNumber", "1"), *upload]
        acl = {"x-amz-acl": "private"}
        policy = json.dumps({"Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{self.bucket}/none",
        }]}).encode()  # fmt: skip
        encryption = b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256" \
                     b"</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"  # fmt: skip
        ownership = b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
        tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
        complete = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{self.etag}</ETag></Part>" \
                   "</CompleteMultipartUpload>"  # fmt: skip
        new = f"/n-{uuid.uuid4().hex[:20]}"
        sub = lambda name: [(name, None)]  # noqa: E731
        return {
            "ListBuckets": ("GET", "/"), "CreateBucket": ("PUT", new), "HeadBucket": ("HEAD", bucket),
            "DeleteBucket": ("DELETE", bucket), "GetBucketLocation": ("GET", bucket, sub("location")),
            "GetBucketVersioning": ("GET", bucket, sub("versioning")),
            "GetBucketEncryption": ("GET", bucket, sub("encryption")),
            "PutBucketEncryption": ("PUT", bucket, sub("encryption"), {}, encryption),
            "DeleteBucketEncryption": ("DELETE", bucket, sub("encryption")),
            "GetBucketAcl": ("GET", bucket, sub("acl")), "PutBucketAcl": ("PUT", bucket, sub("acl"), acl),
            "GetBucketPolicy": ("GET", bucket, sub("policy")),
            "PutBucketPolicy": ("PUT", bucket, sub("policy"), {}, policy),
            "DeleteBucketPolicy": ("DELETE", bucket, sub("policy")),
            "GetBucketPolicyStatus": ("GET", bucket, sub("policyStatus")),
            "GetBucketPublicStatus": ("GET", bucket, sub("bucketStatus")),
            "GetPublicAccessBlock": ("GET", bucket, sub("publicAccessBlock")),
            "PutPublicAccessBlock": ("PUT", bucket, sub("publicAccessBlock"), {}, b"<PublicAccessBlockConfiguration/>"),
            "DeletePublicAccessBlock": ("DELETE", bucket, sub("publicAccessBlock")),
            "GetBucketOwnershipControls": ("GET", bucket, sub("ownershipControls")),
            "PutBucketOwnershipControls": ("PUT", bucket, sub("ownershipControls"), {}, ownership),
            "DeleteBucketOwnershipControls": ("DELETE", bucket, sub("ownershipControls")),
            "ListObjectVersions": ("GET", bucket, sub("versions")), "ListObjects": ("GET", bucket), "ListMultipartUploads": ("GET", bucket, sub("uploads")),
            "DeleteObjects": ("POST", bucket, sub("delete"), {}, b"<Delete><Object><Key>k</Key></Object></Delete>"),
            "PutObject": ("PUT", key, [], {}, b"y"), "CopyObject": ("PUT", f"{bucket}/copy", [], source),
            "GetObject": ("GET", key), "HeadObject": ("HEAD", key), "DeleteObject": ("DELETE", key),
            "GetObjectAttributes": ("GET", key, sub("attributes"), {"x-amz-object-attributes": "ObjectSize"}),
            "GetObjectAcl": ("GET", key, sub("acl")), "PutObjectAcl": ("PUT", key, sub("acl"), acl),
            "GetObjectTagging": ("GET", key, sub("tagging")), "PutObjectTagging": ("PUT", key, sub("tagging"), {}, tags),
            "DeleteObjectTagging": ("DELETE", key, sub("tagging")),
            "CreateMultipartUpload": ("POST", key, sub("uploads")), "UploadPart": ("PUT", key, one_part, {}, b"z"),
            "UploadPartCopy": ("PUT", key, one_part, source), "ListParts": ("GET", key, upload),
            "CompleteMultipartUpload": ("POST", key, upload, {}, complete.encode()),
            "AbortMultipartUpload": ("DELETE", key, upload),
        }[operation]  # fmt: skip

    def ask(self, operation, credentials):
        method, path, *more = self.request(operation)
        query, headers, body = (*more, *([], {}, b"")[len(more):])
        # The copy must not take the tags along, which is a right of its own.
        if operation == "CopyObject":
            headers = headers | {"x-amz-tagging-directive": "REPLACE"}
        if body:
            headers = headers | {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
        request = Request(method, path, [(n, v) for n, v in query], dict(headers), body)
        if credentials:
            signer = SimpleNamespace(
                port=self.server.port, ca=self.server.ca, access_key=credentials[0], secret_key=credentials[1]
            )
            sign_v4(request, signer)
        else:
            request.headers.setdefault("x-amz-date", signing.amz_date())
        return send(request, self.server, tls=True)


@pytest.fixture(scope="module")
def stage(server):
    return Stage(server)


def test_every_operation_has_a_row():
    assert len(TABLE) > 40 and ASKED_ELSEWHERE < set(TABLE)
    for operation, (rights, cells) in TABLE.items():
        assert set(cells.values()) <= {"yes", "no"}, operation
        assert rights or operation == "ApiVersion"


@pytest.mark.parametrize("operation", sorted(OF_AN_UPLOAD))
def test_the_right_to_write_is_none_to_uploads_of_another_account(stage, operation):
    rights, _ = TABLE[operation]
    for who in ("anonymous, bucket policy for everyone", "other account's root, bucket policy for it"):
        credentials = stage.prepare("PutObject", rights, who)
        reply = stage.ask(operation, credentials)
        assert reply.status == 403 and b"<Code>AccessDenied</Code>" in reply.body, (operation, who, reply.body[:300])
        assert stage.ask("PutObject", credentials).status == 200, who


@pytest.mark.parametrize("operation", sorted(set(TABLE) - ASKED_ELSEWHERE))
def test_each_requester_may_what_the_table_says(stage, operation):
    rights, cells = TABLE[operation]
    for column, said in cells.items():
        credentials = stage.prepare(operation, rights, column)
        reply = stage.ask(operation, credentials)
        denied = reply.status == 403 or b"<Code>AccessDenied</Code>" in reply.body
        assert denied == (said == "no"), (operation, column, said, reply.status, reply.body[:300])
        if not denied:
            assert reply.status < 500 and reply.status != 400, (operation, column, reply.status, reply.body[:300])
