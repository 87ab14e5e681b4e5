"""The admin API: every route for nobody, a low user, the wrong service and who may; accounts; explanations."""

import json
import re
import uuid

import pytest

from harness import clients, identities, signing
from harness.identities import allow, deny, document
from harness.server import REPOSITORY

ROUTES = re.findall(
    r'\("([A-Z]+)", "([^"]+)", Operation::(\w+)\)',
    (REPOSITORY / "crates/gateway/src/control/admin/routes.rs").read_text(),
)


class As:
    """A server as somebody else sees it."""

    def __init__(self, server, access_key, secret_key):
        self.server, self.access_key, self.secret_key = server, access_key, secret_key

    def __getattr__(self, name):
        return getattr(self.server, name)


def call(server, method, path, body=None, credentials=None, service="strongroom", token=None):
    """Signs as `credentials` (the root's if none) and sends over TLS. `service` None sends it unsigned."""
    signer = As(server, *credentials) if credentials else server
    data = b"" if body is None else json.dumps(body).encode()
    request = signing.Request(method, f"/admin/v1/{path}", headers={"content-type": "application/json"}, body=data)
    if token:
        request.headers["x-amz-security-token"] = token
    if service:
        signing.sign_v4(request, signer, service=service)
    return signing.send(request, signer, tls=True, control=True)


def answer(reply, status):
    assert reply.status == status, (reply.status, reply.body)
    return json.loads(reply.body) if reply.body else None


def refused(reply, status, code):
    told = answer(reply, status)
    assert set(told) == {"code", "message", "request_id"} and told["code"] == code, told
    assert told["request_id"] == reply.headers["x-amzn-requestid"]
    return told


def name(prefix="acc"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def low(server):
    """A user of the operator's account who may do everything to objects, and nothing else."""
    return identities.make_user(server, name("low"), [allow("s3:*")])


@pytest.fixture(scope="module")
def other(server):
    """Another account."""
    return identities.make_account(server, name("other"))


def a_body(operation):
    return {
        "CreateAccount": {"name": name()},
        "UpdateAccount": {"enabled": True},
        "UpdateUser": {"enabled": True},
        "StartRewrap": {"key": "alias/absent"},
        "Explain": {"as": "user/nobody-of-this-name", "action": "s3:GetObject", "resource": "absent-bucket/x"},
    }.get(operation)


# What is answered other than 403: jobs are concealed as if they were not there; the inventory of a bucket asks for rights to
# buckets, which this user has.
CONCEALED = {
    "GetRewrap": (404, "NoSuchJob"),
    "StopRewrap": (404, "NoSuchJob"),
    "ResumeRewrap": (404, "NoSuchJob"),
    "Inventory": (404, "NoSuchBucket"),
}


# ---- every route ----------------------------------------------------------------------------------------------------


def test_the_page_lists_every_route():
    page = (REPOSITORY / "docs/admin-api.md").read_text()
    told = re.findall(r"^\| `([A-Z]+) /admin/v1/(\S+)`", page, re.MULTILINE)
    assert told == [(method, path) for method, path, _ in ROUTES] and len(ROUTES) >= 10


@pytest.mark.parametrize("method, pattern, operation", ROUTES)
def test_every_route_refuses_whoever_may_not(server, low, method, pattern, operation):
    path, body = pattern.replace("*", "absent"), a_body(operation)
    refused(call(server, method, path, body, service=None), 403, "MissingAuthenticationToken")
    for service in ("kms", "iam", "s3"):
        refused(call(server, method, path, body, service=service), 403, "SignatureDoesNotMatch")
    wrong = (server.access_key, "x" * 40)
    refused(call(server, method, path, body, credentials=wrong), 403, "SignatureDoesNotMatch")
    refused(call(server, method, path, body, credentials=("ABSENTKEY0", "x" * 40)), 403, "InvalidClientTokenId")
    reply = call(server, method, path, body, credentials=low)
    if operation == "ListRewraps":
        assert answer(reply, 200) == {"jobs": []}
    else:
        refused(reply, *CONCEALED.get(operation, (403, "AccessDenied")))


@pytest.mark.parametrize("method, pattern, operation", [r for r in ROUTES if "*" in r[1]])
def test_a_low_user_does_not_learn_what_exists(server, low, other, method, pattern, operation):
    """The same words for what is there and what is not, but for the name that was asked for."""
    kind = pattern.split("/")[0]
    present = other.name if kind == "accounts" else name("present")
    if kind == "users":
        identities.make_user(server, present)
    elif kind == "roles":
        identities.make_role(server, present, [f"arn:aws:iam::{other.number}:root"])
    told = []
    for asked in (present, "absent"):
        reply = call(server, method, pattern.replace("*", asked), a_body(operation), credentials=low)
        message = refused(reply, *CONCEALED.get(operation, (403, "AccessDenied")))["message"]
        told.append(message.replace(asked, "?"))
    assert told[0] == told[1]


def test_who_may_not_list_buckets_does_not_learn_which_there_are(server, s3, bucket):
    nobody = identities.make_user(server, name("nobody"), [allow("kms:*")])
    for asked in (bucket, "absent", "No_Name"):
        refused(call(server, "GET", f"buckets/{asked}/inventory", credentials=nobody), 403, "AccessDenied")


def test_unknown_paths_and_methods_are_told_to_who_signed(server):
    refused(call(server, "GET", "nothing"), 404, "UnknownOperation")
    refused(call(server, "PUT", "accounts"), 405, "MethodNotAllowed")
    refused(call(server, "GET", "nothing", service=None), 403, "MissingAuthenticationToken")


def test_a_body_that_is_not_understood_is_refused_whole(server):
    for body in ([], {"nam": "x"}, {"name": 7}, {"name": "a/b"}, {"name": name(), "root": True}, {}):
        refused(call(server, "POST", "accounts", body), 400, "InvalidInput")
    half = {"name": name(), "access_key": "AKOFATEST0001"}
    refused(call(server, "POST", "accounts", half), 400, "InvalidInput")
    large = {"name": "x" * 70_000}
    refused(call(server, "POST", "accounts", large), 413, "TooLarge")


# ---- accounts -------------------------------------------------------------------------------------------------------


def test_an_account_lives_and_dies(server):
    called = name()
    made = answer(call(server, "POST", "accounts", {"name": called, "email": f"{called}@example.com"}), 201)
    assert re.fullmatch("[0-9a-f]{32}", made["id"]) and re.fullmatch("[0-9]{12}", made["number"])
    assert made["name"] == called and made["enabled"] and not made["operator"]
    root = made["root_access_key"], made["root_secret_key"]
    shown = {k: v for k, v in made.items() if not k.startswith("root_")}
    for named in (made["id"], made["number"], called):
        assert answer(call(server, "GET", f"accounts/{named}"), 200) == shown, "and the secret is not told again"
    assert shown in answer(call(server, "GET", "accounts"), 200)["accounts"]

    s3 = identities.s3(server, root)
    s3.create_bucket(Bucket=called)
    conflict = refused(call(server, "DELETE", f"accounts/{called}"), 409, "DeleteConflict")
    assert "1 buckets" in conflict["message"]
    s3.delete_bucket(Bucket=called)

    changed = answer(call(server, "PATCH", f"accounts/{called}", {"enabled": False, "email": None}), 200)
    assert not changed["enabled"] and changed["email"] is None
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()
    renamed = answer(call(server, "PATCH", f"accounts/{called}", {"enabled": True, "name": f"{called}-2"}), 200)
    assert renamed["enabled"] and renamed["name"] == f"{called}-2"
    assert s3.list_buckets()["Buckets"] == []

    answer(call(server, "DELETE", f"accounts/{called}-2"), 204)
    refused(call(server, "GET", f"accounts/{made['id']}"), 404, "NoSuchEntity")
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()


def test_a_cmk_keeps_its_account(server):
    account = identities.make_account(server, name())
    kms = clients.kms(As(server, *account.credentials))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key)
    conflict = refused(call(server, "DELETE", f"accounts/{account.name}"), 409, "DeleteConflict")
    assert "1 customer master keys" in conflict["message"]


def test_names_credentials_and_addresses_are_unique(server, other):
    refused(call(server, "POST", "accounts", {"name": other.name}), 409, "EntityAlreadyExists")
    taken = {"name": name(), "access_key": other.access_key, "secret_key": "k3Jx9wq0ZbT5nV2mk3Jx"}
    refused(call(server, "POST", "accounts", taken), 409, "EntityAlreadyExists")


def test_a_weak_secret_is_refused_and_not_repeated(server):
    weak = {"name": name(), "access_key": name("AK"), "secret_key": "password123"}
    told = refused(call(server, "POST", "accounts", weak), 400, "InvalidInput")
    assert "password123" not in json.dumps(told)


def test_another_account_sees_itself_and_makes_nothing(server, other):
    as_other = {"credentials": other.credentials}
    assert [a["id"] for a in answer(call(server, "GET", "accounts", **as_other), 200)["accounts"]] == [other.id]
    assert answer(call(server, "GET", f"accounts/{other.name}", **as_other), 200)["id"] == other.id
    refused(call(server, "GET", "accounts/root", **as_other), 403, "AccessDenied")
    refused(call(server, "GET", "accounts/absent", **as_other), 403, "AccessDenied")
    refused(call(server, "POST", "accounts", {"name": name()}, **as_other), 403, "AccessDenied")
    refused(call(server, "DELETE", f"accounts/{other.name}", **as_other), 403, "AccessDenied")
    refused(call(server, "POST", "token-key/rotate", **as_other), 403, "AccessDenied")


def test_the_operators_own_account_stays(server):
    own = next(a for a in answer(call(server, "GET", "accounts"), 200)["accounts"] if a["operator"])
    assert call(server, "DELETE", f"accounts/{own['id']}").status in (400, 403, 409)
    assert call(server, "PATCH", f"accounts/{own['id']}", {"enabled": False}).status in (400, 403, 409)
    assert answer(call(server, "GET", f"accounts/{own['id']}"), 200)["enabled"]


def test_a_user_of_the_operator_may_be_given_the_right(server):
    maker = identities.make_user(server, name("maker"), [allow("strongroom:CreateAccount")])
    answer(call(server, "POST", "accounts", {"name": name()}, credentials=maker), 201)
    refused(call(server, "GET", "accounts", credentials=maker), 403, "AccessDenied")


# ---- users, sessions ------------------------------------------------------------------------------------------------


def test_a_disabled_user_is_refused_at_once(server):
    called = name("user")
    credentials = identities.make_user(server, called, [allow("s3:*")])
    s3 = identities.s3(server, credentials)
    s3.list_buckets()
    assert not answer(call(server, "PATCH", f"users/{called}", {"enabled": False}), 200)["enabled"]
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_buckets()
    answer(call(server, "PATCH", f"users/{called}", {"enabled": True}), 200)
    s3.list_buckets()
    refused(call(server, "PATCH", f"users/{called}", {}), 400, "InvalidInput")
    refused(call(server, "PATCH", "users/absent", {"enabled": True}), 404, "NoSuchEntity")


def test_revoked_sessions_are_refused(server, other):
    role, user = name("role"), name("user")
    credentials = identities.make_user(server, user, [allow(["sts:*", "s3:*"])])
    own = next(a for a in answer(call(server, "GET", "accounts"), 200)["accounts"] if a["operator"])
    arn = identities.make_role(server, role, [f"arn:aws:iam::{own['number']}:root"], [allow("s3:*")])
    session = identities.assume(server, credentials, arn)
    identities.s3(server, session).list_buckets()
    answer(call(server, "POST", f"roles/{role}/revoke-sessions"), 204)
    with pytest.raises(Exception, match="ExpiredToken|InvalidToken|InvalidAccessKeyId"):
        identities.s3(server, session).list_buckets()
    answer(call(server, "POST", f"users/{user}/revoke-sessions"), 204)
    identities.s3(server, credentials).list_buckets()
    refused(call(server, "POST", "roles/absent/revoke-sessions"), 404, "NoSuchEntity")
    refused(call(server, "POST", f"roles/{role}/revoke-sessions", {"x": 1}), 400, "InvalidInput")


def test_tokens_outlive_a_fresh_key(server):
    session = identities.of_reply(clients.sts(server).get_session_token())
    answer(call(server, "POST", "token-key/rotate"), 204)
    identities.s3(server, session).list_buckets()
    fresh = identities.of_reply(clients.sts(server).get_session_token())
    identities.s3(server, fresh).list_buckets()


# ---- explanations ---------------------------------------------------------------------------------------------------


def explained(server, who, action, resource, credentials=None, **more):
    body = {"as": who, "action": action, "resource": resource, **more}
    return answer(call(server, "POST", "explain", body, credentials=credentials), 200)


@pytest.fixture(scope="module")
def reports(server, s3):
    """A bucket with a policy, and a user with one: the bucket's name and the user's."""
    bucket, user = name("reports"), name("alice")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="open.csv", Body=b"x")
    resource = f"arn:aws:s3:::{bucket}/*"
    identities.make_user(server, user, [allow("s3:GetObject", resource)])
    unencrypted = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
    policy = document(
        {"Sid": "World", "Principal": "*", **allow("s3:GetObject", f"arn:aws:s3:::{bucket}/open.csv")},
        {"Sid": "Seal", "Principal": "*", **deny("s3:PutObject", resource, Condition=unencrypted)},
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    return bucket, user


def test_an_explanation_tells_the_statement_that_decided(server, reports):
    bucket, user = reports
    told = explained(server, f"user/{user}", "s3:GetObject", f"{bucket}/secret.csv")
    assert told["allowed"] and told["principal"].endswith(f":user/{user}") and told["action"] == "s3:GetObject"
    matched = [s for s in told["statements"] if s["matched"]]
    assert len(matched) == 1 and user in matched[0]["source"] and matched[0]["effect"] == "Allow"
    told = explained(server, f"user/{user}", "s3:DeleteObject", f"{bucket}/secret.csv")
    assert not told["allowed"] and not any(s["matched"] for s in told["statements"])
    assert {s["outcome"] for s in told["statements"]} == {"other actions"}


def test_the_anonymous_are_explained(server, reports):
    bucket, _ = reports
    told = explained(server, "anonymous", "GetObject", f"arn:aws:s3:::{bucket}/open.csv")
    assert told["allowed"] and told["principal"] == "anonymous" and "World" in told["reason"]
    assert not explained(server, "anonymous", "GetObject", f"{bucket}/secret.csv")["allowed"]


def test_conditions_see_the_headers_that_are_said(server, reports):
    bucket, _ = reports
    told = explained(server, "root", "s3:PutObject", f"{bucket}/new")
    assert not told["allowed"] and "Seal" in told["reason"], "an absent header is seen as absent"
    sealed = {"x-amz-server-side-encryption": "aws:kms"}
    assert explained(server, "root", "s3:PutObject", f"{bucket}/new", headers=sealed)["allowed"]
    sealed = {"x-obs-server-side-encryption": "kms"}
    assert explained(server, "root", "PutObject", f"{bucket}/new", headers=sealed, dialect="obs")["allowed"]
    spoofed = {"x-amz-sourceip": "10.0.0.1", "aws-sourceip": "10.0.0.1"}
    assert not explained(server, "root", "s3:PutObject", f"{bucket}/new", headers=spoofed)["allowed"]


def test_address_transport_and_listing_are_said(server, s3):
    user, bucket = name("user"), name("bkt")
    s3.create_bucket(Bucket=bucket)
    conditions = {
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "true"},
        "StringEquals": {"s3:prefix": "home/"},
    }  # fmt: skip
    identities.make_user(server, user, [allow("s3:ListBucket", Condition=conditions)])
    right = {"source_ip": "10.1.2.3", "query": {"prefix": "home/"}}
    assert explained(server, f"user/{user}", "s3:ListBucket", bucket, **right)["allowed"]
    for wrong in ({"source_ip": "192.0.2.1"}, {"secure": False}, {"query": {}}, {"query": {"prefix": ""}}):
        told = explained(server, f"user/{user}", "s3:ListBucket", bucket, **{**right, **wrong})
        assert not told["allowed"] and "condition does not hold" in told["statements"][0]["outcome"], wrong


def test_keys_identities_and_the_service_are_resources_too(server, kms, other):
    key = kms.create_key()["KeyMetadata"]["Arn"]
    user = name("user")
    identities.make_user(server, user, [allow("kms:Decrypt", key), allow("iam:GetUser", "*")])
    assert explained(server, f"user/{user}", "kms:Decrypt", key)["allowed"]
    assert explained(server, f"user/{user}", "kms:dek:crypto", key)["allowed"], "Huawei's name of it"
    assert not explained(server, f"user/{user}", "kms:GenerateDataKey", key)["allowed"]
    arn = f"arn:aws:iam::{key.split(':')[4]}:user/somebody"
    assert explained(server, f"user/{user}", "iam:GetUser", arn)["allowed"]
    assert not explained(server, f"user/{user}", "s3:ListAllMyBuckets", "*")["allowed"]
    elsewhere = f"arn:aws:iam::{other.number}:root"
    assert not explained(server, elsewhere, "kms:Decrypt", key)["allowed"], "of another account"


def test_assuming_a_role_is_explained_by_its_trust(server, other):
    role, user = name("role"), name("user")
    identities.make_user(server, user)
    arn = identities.make_role(server, role, [f"arn:aws:iam::{other.number}:root"])
    told = explained(server, f"user/{user}", "sts:AssumeRole", arn)
    assert not told["allowed"] and any(s["source"] == "trust policy" for s in told["statements"])
    assert explained(server, f"arn:aws:iam::{other.number}:root", "sts:AssumeRole", arn)["allowed"]


def test_what_is_explained_is_what_happens(server, reports, s3):
    bucket, user = reports
    iam = clients.iam(server)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    mine = identities.s3(server, (key["AccessKeyId"], key["SecretAccessKey"]))
    for operation, action, resource in [
        (lambda: mine.get_object(Bucket=bucket, Key="open.csv"), "s3:GetObject", f"{bucket}/open.csv"),
        (lambda: mine.put_object(Bucket=bucket, Key="n", Body=b"x"), "s3:PutObject", f"{bucket}/n"),
        (lambda: mine.delete_object(Bucket=bucket, Key="n"), "s3:DeleteObject", f"{bucket}/n"),
        (lambda: mine.list_objects_v2(Bucket=bucket), "s3:ListBucket", bucket),
        (lambda: mine.get_bucket_policy(Bucket=bucket), "s3:GetBucketPolicy", bucket),
        (lambda: mine.list_buckets(), "s3:ListAllMyBuckets", "*"),
    ]:
        told = explained(server, f"user/{user}", action, resource)["allowed"]
        try:
            operation()
            happened = True
        except Exception as error:
            assert "AccessDenied" in str(error), error
            happened = False
        assert told == happened, action


def test_questions_that_cannot_be_answered(server, low):
    ask = {"as": "root", "action": "s3:GetObject", "resource": "absent-bucket-x/y"}
    refused(call(server, "POST", "explain", ask), 404, "NoSuchBucket")
    refused(call(server, "POST", "explain", {**ask, "action": "s3:Nonsense"}), 400, "InvalidInput")
    refused(call(server, "POST", "explain", {**ask, "resource": "arn:aws:sqs:x:1:q"}), 400, "InvalidInput")
    refused(call(server, "POST", "explain", {**ask, "as": "user/absent"}), 404, "NoSuchEntity")
    refused(call(server, "POST", "explain", {**ask, "as": "somebody"}), 400, "InvalidInput")
    refused(call(server, "POST", "explain", {**ask, "headers": {"a b": "x"}}), 400, "InvalidInput")
    refused(call(server, "POST", "explain", {**ask, "source_ip": "nowhere"}), 400, "InvalidInput")


def test_explanations_are_for_who_may_ask(server, reports, low, other):
    bucket, user = reports
    for who in ("anonymous", "root", f"user/{user}", "user/absent"):
        body = {"as": who, "action": "s3:GetObject", "resource": f"{bucket}/open.csv"}
        refused(call(server, "POST", "explain", body, credentials=low), 403, "AccessDenied")
        if who != "user/absent":
            body["resource"] = bucket
            reply = call(server, "POST", "explain", body, credentials=other.credentials)
            assert reply.status in (403, 404), "the rules of another account's bucket are not told"
            assert b"World" not in reply.body
    asker = identities.make_user(server, name("asker"), [allow("iam:SimulatePrincipalPolicy")])
    assert explained(server, f"user/{user}", "s3:GetObject", f"{bucket}/open.csv", credentials=asker)["allowed"]
    theirs = name("theirs")
    identities.s3(server, other.credentials).create_bucket(Bucket=theirs)
    body = {"as": f"user/{user}", "action": "s3:GetObject", "resource": f"{theirs}/x"}
    refused(call(server, "POST", "explain", body, credentials=asker), 403, "AccessDenied")
    assert not explained(server, f"user/{user}", "s3:GetObject", f"{theirs}/x")["allowed"], "the operator may"
