"""Conditions on the CMK that a write names: a policy speaks of the CMK by its ARN, its OBS form or its id, and holds for
every form that a request can name it in, in both dialects."""

import json
import uuid

import pytest

from encryption_rows import begin, complete, send_part, write
from harness import clients, identities
from harness.identities import allow, deny
from test_obs_encryption_rows import As
from test_sse_rules import Dialect, expect

S3_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
OBS_KEY = "x-obs-server-side-encryption-kms-key-id"
FORMS = ["arn", "id", "obs", "alias", "alias arn"]


@pytest.fixture(params=["s3", "obs"])
def dialect(request):
    return Dialect(request.param)


@pytest.fixture(scope="module")
def keys(server, kms):
    """Two CMKs, each by every name that a request can use."""

    def made(alias):
        key = kms.create_key()["KeyMetadata"]
        kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key["KeyId"])
        arn, number = key["Arn"], key["AWSAccountId"]
        write = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["KeyId"]}
        bucket = f"b-{uuid.uuid4().hex[:20]}"
        clients.s3(server).create_bucket(Bucket=bucket)
        clients.s3(server).put_object(Bucket=bucket, Key="k", Body=b"x", **write)
        told = Dialect("obs").send(server, "HEAD", bucket, "k")
        return {
            "arn": arn, "id": key["KeyId"], "obs": told.headers[OBS_KEY], "alias": f"alias/{alias}",
            "alias arn": f"arn:aws:kms:{arn.split(':')[3]}:{number}:alias/{alias}",
        }  # fmt: skip

    return {"right": made("right"), "other": made("other")}


@pytest.fixture
def bucket(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"hello")
    return bucket


@pytest.fixture(scope="module")
def writer(server):
    """Not the root identity: it could put the policy away, and so could tests not tell a Deny from a fault."""
    return As(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow(["s3:*", "kms:*"])]))


def put_policy(s3, bucket, condition):
    statement = deny("s3:PutObject", f"arn:aws:s3:::{bucket}/*", Principal="*", Condition=condition)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def headers(dialect, key_id):
    return {dialect.method: dialect.kms, dialect.key_id: key_id}


# What a Deny under the condition refuses: writes that name the CMK, or those that do not.
OPERATORS = {
    "StringEquals": "right", "StringEqualsIfExists": "right", "StringLike": "right", "ArnEquals": "right",
    "ArnLike": "right", "ForAnyValue:StringEquals": "right", "ForAllValues:StringEquals": "right",
    "StringNotEquals": "other", "StringNotEqualsIfExists": "other", "StringNotLike": "other", "ArnNotEquals": "other",
    "ArnNotLike": "other", "ForAnyValue:StringNotEquals": "other", "ForAllValues:StringNotEquals": "other",
}  # fmt: skip


# What is no ARN is not compared as one.
NAMED = [(operator, named) for operator in OPERATORS for named in ("arn", "obs", "id")
         if named == "arn" or not operator.startswith("Arn")]  # fmt: skip


@pytest.mark.parametrize("operator, named", NAMED)
def test_a_deny_by_a_cmk_s_name_holds_for_every_form(server, s3, bucket, keys, writer, dialect, operator, named):
    name = {"s3": S3_KEY, "obs": OBS_KEY}[dialect.name]
    put_policy(s3, bucket, {operator: {name: keys["right"][named]}})
    for which in ("right", "other"):
        for form in FORMS:
            reply = dialect.send(writer, "PUT", bucket, "k", b"x", headers(dialect, keys[which][form]))
            if which == OPERATORS[operator]:
                expect(reply, 403, "AccessDenied")
            else:
                expect(reply, 200)


@pytest.mark.parametrize("way", ["put", "copy", "initiate"])
@pytest.mark.parametrize("operator", ["StringEquals", "StringNotEquals"])
def test_every_way_to_write_is_held_to_it(server, s3, bucket, keys, writer, dialect, operator, way):
    put_policy(s3, bucket, {operator: {S3_KEY: keys["right"]["arn"]}})
    for which in ("right", "other"):
        for form in ("arn", "id", "alias"):
            reply = write(writer, dialect, way, bucket, headers(dialect, keys[which][form]))
            assert reply.status == (403 if which == OPERATORS[operator] else 200), (which, form, reply.body)


@pytest.mark.parametrize("form", FORMS)
def test_parts_and_completion_are_held_to_it(server, s3, bucket, keys, writer, dialect, form):
    """They say no key: the upload's beginning did, and its envelope says which CMK that was."""
    upload = begin(writer, dialect, bucket, headers(dialect, keys["right"][form]))
    tag = expect(send_part(writer, dialect, bucket, upload, {}), 200).headers["etag"]
    put_policy(s3, bucket, {"StringEquals": {S3_KEY: keys["right"]["arn"]}})
    expect(send_part(writer, dialect, bucket, upload, {}), 403, "AccessDenied")
    expect(complete(writer, dialect, bucket, upload, tag), 403, "AccessDenied")
    put_policy(s3, bucket, {"StringNotEquals": {S3_KEY: keys["right"]["arn"]}})
    tag = expect(send_part(writer, dialect, bucket, upload, {}), 200).headers["etag"]
    expect(complete(writer, dialect, bucket, upload, tag), 200)


def test_a_write_that_names_none_is_as_before(server, s3, bucket, keys, writer, dialect):
    """A bucket's default is not visible: a negated operator refuses who names no CMK, a plain one does not."""
    put_policy(s3, bucket, {"StringEquals": {S3_KEY: keys["right"]["arn"]}})
    expect(dialect.send(writer, "PUT", bucket, "k", b"x"), 200)
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", {dialect.method: dialect.kms}), 200)
    put_policy(s3, bucket, {"StringNotEquals": {S3_KEY: keys["right"]["arn"]}})
    expect(dialect.send(writer, "PUT", bucket, "k", b"x"), 403, "AccessDenied")
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", {dialect.method: dialect.kms}), 403, "AccessDenied")


def test_an_alias_is_compared_as_a_whole_and_fits_no_pattern(server, s3, kms, bucket, keys, writer, dialect):
    """A policy may name an alias. But an alias is anybody's to make who may: it lets nobody through by fitting a pattern."""
    put_policy(s3, bucket, {"StringEquals": {S3_KEY: "alias/right"}})
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", headers(dialect, "alias/right")), 403, "AccessDenied")
    put_policy(s3, bucket, {"StringNotEquals": {S3_KEY: "alias/right"}})
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", headers(dialect, "alias/right")), 200)
    lookalike = f"alias/{dialect.name}/key/{keys['right']['id']}"
    kms.create_alias(AliasName=lookalike, TargetKeyId=keys["other"]["id"])
    put_policy(s3, bucket, {"StringNotLike": {S3_KEY: f"*key/{keys['right']['id']}"}})
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", headers(dialect, keys["right"]["alias"])), 200)
    expect(dialect.send(writer, "PUT", bucket, "k", b"x", headers(dialect, lookalike)), 403, "AccessDenied")


def test_who_may_not_use_a_key_learns_nothing_of_what_a_name_stands_for(server, s3, bucket, keys, dialect):
    """Every answer is the same whether or not the policy is about the CMK: also where something else is wrong with the
    request that is looked at later."""
    outsider = As(server, identities.make_user(server, f"u-{uuid.uuid4().hex[:12]}", [allow("s3:*")]))
    named = [headers(dialect, keys["right"][form]) for form in ("id", "obs", "alias", "alias arn")]
    requests = [h | more for h in named for more in (
        {}, {f"{dialect.method}-context": "!"}, {dialect.bucket_key: "maybe"}, {dialect.method: "AES256"},
        {"If-None-Match": "*"},
    )]  # fmt: skip
    expect(dialect.send(server, "PUT", bucket, "k", b"x"), 200)
    answers = []
    for which in ("right", "other"):
        put_policy(s3, bucket, {"StringEquals": {S3_KEY: keys[which]["arn"]}})
        replies = [dialect.send(outsider, "PUT", bucket, "k", b"x", h) for h in requests]
        answers.append([(reply.status, reply.code) for reply in replies])
    assert answers[0] == answers[1] and all(status in (400, 403) for status, _ in answers[0]), answers
    assert (403, "AccessDenied") in answers[0]
