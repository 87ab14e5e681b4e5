"""STS through boto3 and by hand, on the control address and on the address of buckets and objects: who one is, sessions of
roles and of users, and what a session cannot do."""

import base64
import json
import re
import socket
import uuid
from datetime import datetime, timezone
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, identities, signing
from harness.identities import allow, assume, deny, document, make_account, make_role, make_user, of_reply, trust

ROLE_ID, USER_ID = "AROA[A-Z2-7]{26}", "AIDA[A-Z2-7]{26}"


def fresh(prefix="n"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refused(call, wanted, status=None, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    reply = error.value.response
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert reply["Error"]["Code"] in wanted, error.value
    assert status is None or reply["ResponseMetadata"]["HTTPStatusCode"] == status, error.value
    return reply["Error"]["Message"]


@pytest.fixture(scope="module")
def iam(server):
    return clients.iam(server)


@pytest.fixture(scope="module")
def number(server):
    return clients.sts(server).get_caller_identity()["Account"]


@pytest.fixture
def alice(server):
    """A user who may assume every role, and what else the tests give her."""
    name = fresh("alice")
    return SimpleNamespace(name=name, keys=make_user(server, name, [allow("sts:*")]))


@pytest.fixture(params=[False, True], ids=["control", "data"])
def at(request):
    """Either address."""
    return {"data_plane": request.param}


# ---- who one is -----------------------------------------------------------------------------------------------------


def test_everybody_may_ask_who_they_are(server, number, at):
    me = clients.sts(server, **at).get_caller_identity()
    assert (me["Arn"], me["UserId"], me["Account"]) == (f"arn:aws:iam::{number}:root", number, number)
    name = fresh("bob")
    bob = make_user(server, name)
    me = clients.sts(server, bob, **at).get_caller_identity()
    assert me["Arn"] == f"arn:aws:iam::{number}:user/{name}" and re.fullmatch(USER_ID, me["UserId"])
    role = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"], Path="/svc/")
    session = assume(server, (server.access_key, server.secret_key), role, "tuesday")
    me = clients.sts(server, session, **at).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{number}:assumed-role/{role.rsplit('/', 1)[1]}/tuesday"
    assert re.fullmatch(f"{ROLE_ID}:tuesday", me["UserId"])


def test_access_keys_tell_their_account_to_those_who_may_see_them(server, number):
    key = make_user(server, fresh("bob"), [allow("iam:GetAccessKeyLastUsed")])
    assert clients.sts(server, key).get_access_key_info(AccessKeyId=key[0])["Account"] == number
    nobody = make_user(server, fresh("nobody"))
    refused(clients.sts(server, nobody).get_access_key_info, "AccessDenied", 403, AccessKeyId=key[0])


# ---- sessions of roles ----------------------------------------------------------------------------------------------


def test_a_role_is_assumed_and_its_rights_are_the_sessions(server, alice, number, at):
    name = fresh("role")
    arn = make_role(server, name, [f"arn:aws:iam::{number}:user/{alice.name}"], [allow("s3:*")], Path="/svc/")
    refused(identities.s3(server, alice.keys).list_buckets, "AccessDenied", 403)
    reply = clients.sts(server, alice.keys, **at).assume_role(RoleArn=arn, RoleSessionName="s1", DurationSeconds=900)
    credentials = reply["Credentials"]
    assert credentials["AccessKeyId"].startswith("SRTK") and "PackedPolicySize" not in reply
    assert abs((credentials["Expiration"] - datetime.now(timezone.utc)).total_seconds() - 900) < 120
    assert reply["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{number}:assumed-role/{name}/s1"
    assert re.fullmatch(f"{ROLE_ID}:s1", reply["AssumedRoleUser"]["AssumedRoleId"])
    s3 = identities.s3(server, of_reply(reply))
    bucket = fresh("b")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_who_the_trust_policy_does_not_name_is_denied(server, alice, iam, number):
    bob = fresh("bob")
    keys = make_user(server, bob, [allow("sts:AssumeRole")])
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:user/{alice.name}"])
    message = refused(clients.sts(server, keys).assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")
    assert message == f"User: arn:aws:iam::{number}:user/{bob} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    absent = arn + "-absent"
    message = refused(clients.sts(server, keys).assume_role, "AccessDenied", 403, RoleArn=absent, RoleSessionName="s1")
    assert message.replace(absent, arn) == f"User: arn:aws:iam::{number}:user/{bob} is not authorized to perform: sts:AssumeRole on resource: {arn}"  # fmt: skip
    elsewhere = arn.replace(":role/", ":role/other/path/")
    refused(clients.sts(server, alice.keys).assume_role, "AccessDenied", 403, RoleArn=elsewhere, RoleSessionName="s1")
    nowhere = "arn:aws:iam::000000000000:role/none"
    refused(clients.sts(server, alice.keys).assume_role, "AccessDenied", 403, RoleArn=nowhere, RoleSessionName="s1")


def test_a_trusted_account_lends_the_right_to_its_own(server, alice, number):
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"])
    assume(server, alice.keys, arn)
    nobody = make_user(server, fresh("nobody"))
    refused(clients.sts(server, nobody).assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")
    denied = make_user(server, fresh("denied"), [allow("sts:*"), deny("sts:AssumeRole", arn)])
    refused(clients.sts(server, denied).assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")


def test_an_external_id_must_be_known(server, alice, number):
    condition = {"StringEquals": {"sts:ExternalId": "a-known-word"}}
    arn = make_role(server, fresh("role"), trust(f"arn:aws:iam::{number}:root", Condition=condition))
    sts = clients.sts(server, alice.keys)
    refused(sts.assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")
    refused(sts.assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1", ExternalId="another-word")
    sts.assume_role(RoleArn=arn, RoleSessionName="s1", ExternalId="a-known-word")


def test_a_session_policy_narrows_and_never_widens(server, alice, number):
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"], [allow("s3:*")])
    wide = identities.s3(server, assume(server, alice.keys, arn))
    bucket = fresh("b")
    wide.create_bucket(Bucket=bucket)
    wide.put_object(Bucket=bucket, Key="open/k", Body=b"x")
    wide.put_object(Bucket=bucket, Key="shut/k", Body=b"x")
    narrow = document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/open/*"), allow("kms:*"), allow("iam:*"))
    reply = clients.sts(server, alice.keys).assume_role(RoleArn=arn, RoleSessionName="s1", Policy=narrow)
    assert 0 < reply["PackedPolicySize"] <= 100
    s3 = identities.s3(server, of_reply(reply))
    assert s3.get_object(Bucket=bucket, Key="open/k")["Body"].read() == b"x"
    refused(s3.get_object, "AccessDenied", 403, Bucket=bucket, Key="shut/k")
    refused(s3.put_object, "AccessDenied", 403, Bucket=bucket, Key="open/k", Body=b"y")
    refused(s3.list_objects_v2, "AccessDenied", 403, Bucket=bucket)
    refused(clients.iam(server, of_reply(reply)).list_users, "AccessDenied", 403)


def test_managed_policies_narrow_too(server, alice, iam, number):
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"], [allow("s3:*")])
    managed = iam.create_policy(PolicyName=fresh(), PolicyDocument=document(allow("s3:ListAllMyBuckets")))["Policy"]["Arn"]
    s3 = identities.s3(server, assume(server, alice.keys, arn, PolicyArns=[{"arn": managed}]))
    s3.list_buckets()
    refused(s3.create_bucket, "AccessDenied", 403, Bucket=fresh("b"))
    sts = clients.sts(server, alice.keys)
    absent = [{"arn": managed + "-absent"}]
    with pytest.raises(ClientError):
        sts.assume_role(RoleArn=arn, RoleSessionName="s1", PolicyArns=absent)
    many = [{"arn": managed}] * 11
    refused(sts.assume_role, "ValidationError", 400, RoleArn=arn, RoleSessionName="s1", PolicyArns=many)


@pytest.mark.parametrize(
    "arguments, code",
    [
        ({"RoleSessionName": "a"}, "ValidationError"),
        ({"RoleSessionName": "x" * 65}, "ValidationError"),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"RoleSessionName": "a/b"}, "ValidationError"),
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"DurationSeconds": 3601}, "ValidationError"),
        ({"RoleArn": "arn:aws:iam::123456789012:user/alice-in-chains"}, "ValidationError"),
        ({"RoleArn": "not an arn but long enough"}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": document(allow("s3:*") | {"Principal": "*"})}, "MalformedPolicyDocument"),
        ({"Policy": document(allow("s3:*", ["arn:aws:s3:::" + "x" * 2048]))}, "ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "InvalidInput"),
        ({"SerialNumber": "arn:aws:iam::1:mfa/x", "TokenCode": "123456"}, "InvalidInput"),
        ({"SourceIdentity": "alice"}, "InvalidInput"),
        ({"ExternalId": "a b"}, "ValidationError"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_what_a_session_cannot_be_asked_for(server, alice, number, arguments, code):
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"])
    arguments = {"RoleArn": arn, "RoleSessionName": "s1"} | arguments
    refused(clients.sts(server, alice.keys).assume_role, code, 400, **arguments)


def test_a_role_of_another_account_needs_both_sides(server, iam, number):
    other = make_account(server, fresh("other"))
    name = fresh("visitor")
    visitor = make_user(server, name, as_root=other.credentials)
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{other.number}:user/{name}"], [allow("s3:ListAllMyBuckets")])
    sts = clients.sts(server, visitor)
    refused(sts.assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")
    theirs = clients.iam(server, other.credentials)
    theirs.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole", arn)))
    session = of_reply(sts.assume_role(RoleArn=arn, RoleSessionName="s1"))
    assert clients.sts(server, session).get_caller_identity()["Account"] == number
    identities.s3(server, session).list_buckets()
    iam.update_assume_role_policy(RoleName=arn.rsplit("/", 1)[1], PolicyDocument=trust(f"arn:aws:iam::{number}:root"))
    refused(sts.assume_role, "AccessDenied", 403, RoleArn=arn, RoleSessionName="s1")


def test_the_account_of_a_role_may_be_named_by_its_id(server, alice, number):
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"])
    account = clients.s3(server).list_buckets()["Owner"]["ID"]
    reply = clients.sts(server, alice.keys).assume_role(RoleArn=arn.replace(number, account), RoleSessionName="s1")
    assert reply["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{number}:assumed-role/")


# ---- sessions of one's own ------------------------------------------------------------------------------------------


def test_a_session_token_has_the_rights_of_its_user(server, iam, at):
    name = fresh("bob")
    bob = make_user(server, name, [allow("s3:ListAllMyBuckets"), allow("sts:*")])
    reply = clients.sts(server, bob, **at).get_session_token(DurationSeconds=900)
    assert abs((reply["Credentials"]["Expiration"] - datetime.now(timezone.utc)).total_seconds() - 900) < 120
    session = of_reply(reply)
    s3 = identities.s3(server, session)
    s3.list_buckets()
    refused(s3.create_bucket, "AccessDenied", 403, Bucket=fresh("b"))
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    refused(s3.list_buckets, "AccessDenied", 403)


def test_bounds_of_session_tokens(server):
    sts = clients.sts(server)
    for seconds in (899, 129_601):
        refused(sts.get_session_token, "ValidationError", 400, DurationSeconds=seconds)
    refused(sts.get_session_token, "InvalidInput", 400, SerialNumber="arn:aws:iam::1:mfa/x", TokenCode="123456")


def test_a_session_cannot_make_another_out_of_itself(server, alice, number):
    """Neither GetSessionToken in a session, nor anything that would outlive it."""
    session = of_reply(clients.sts(server, alice.keys).get_session_token())
    with pytest.raises(ClientError) as error:
        clients.sts(server, session).get_session_token()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_a_narrowed_session_makes_and_widens_no_identity(server, alice, iam, number):
    """CVE-2025-62506: whatever its session policy says, a narrowed session changes nothing of who may do what."""
    arn = make_role(server, fresh("role"), [f"arn:aws:iam::{number}:root"], [allow("*")])
    session = assume(server, alice.keys, arn, Policy=document(allow("*")))
    narrowed = clients.iam(server, session)
    role = arn.rsplit("/", 1)[1]
    policy = iam.create_policy(PolicyName=fresh(), PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    named = {"UserName": alice.name}
    text = {"PolicyName": "p", "PolicyDocument": document(allow("*"))}
    for call, arguments in [
        (narrowed.create_user, {"UserName": fresh()}),
        (narrowed.create_access_key, named),
        (narrowed.update_access_key, named | {"AccessKeyId": alice.keys[0], "Status": "Inactive"}),
        (narrowed.delete_access_key, named | {"AccessKeyId": alice.keys[0]}),
        (narrowed.create_login_profile, named | {"Password": "Correct-horse-7-battery"}),
        (narrowed.put_user_policy, named | text),
        (narrowed.delete_user_policy, named | {"PolicyName": "inline"}),
        (narrowed.attach_user_policy, named | {"PolicyArn": policy}),
        (narrowed.delete_user_permissions_boundary, named),
        (narrowed.put_role_policy, {"RoleName": role} | text),
        (narrowed.attach_role_policy, {"RoleName": role, "PolicyArn": policy}),
        (narrowed.create_role, {"RoleName": fresh(), "AssumeRolePolicyDocument": trust(f"arn:aws:iam::{number}:root")}),
        (narrowed.update_assume_role_policy, {"RoleName": role, "PolicyDocument": trust("*")}),
        (narrowed.create_group, {"GroupName": fresh()}),
        (narrowed.create_policy, {"PolicyName": fresh(), "PolicyDocument": document(allow("*"))}),
        (narrowed.create_policy_version, {"PolicyArn": policy, "PolicyDocument": document(allow("*")), "SetAsDefault": True}),
        (narrowed.delete_user, named),
    ]:
        refused(call, "AccessDenied", 403, **arguments)
    assert iam.list_access_keys(**named)["AccessKeyMetadata"][0]["Status"] == "Active"
    identities.s3(server, session).list_buckets()


# ---- the end of sessions --------------------------------------------------------------------------------------------


def test_a_disabled_or_deleted_key_ends_the_sessions_made_with_its_user(server, iam):
    name = fresh("bob")
    bob = make_user(server, name, [allow("s3:ListAllMyBuckets"), allow("sts:*")])
    s3 = identities.s3(server, of_reply(clients.sts(server, bob).get_session_token()))
    s3.list_buckets()
    iam.delete_access_key(UserName=name, AccessKeyId=bob[0])
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    iam.delete_user(UserName=name)
    with pytest.raises(ClientError) as error:
        s3.list_buckets()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document(allow("s3:*")))
    with pytest.raises(ClientError):
        s3.list_buckets()


def test_a_deleted_role_ends_its_sessions(server, alice, iam, number):
    name = fresh("role")
    arn = make_role(server, name, [f"arn:aws:iam::{number}:root"], [allow("s3:*")])
    s3 = identities.s3(server, assume(server, alice.keys, arn))
    s3.list_buckets()
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    refused(s3.list_buckets, "AccessDenied", 403)
    iam.delete_role(RoleName=name)
    make_role(server, name, [f"arn:aws:iam::{number}:root"], [allow("s3:*")])
    with pytest.raises(ClientError) as error:
        s3.list_buckets()
    assert error.value.response["Error"]["Code"] != "AccessDenied", "the credentials themselves are gone"


def test_sessions_live_through_a_restart(make_server):
    server = make_server()
    bob = make_user(server, "bob", [allow("s3:ListAllMyBuckets"), allow("sts:*")])
    session = of_reply(clients.sts(server, bob).get_session_token())
    server.restart()
    identities.s3(server, session).list_buckets()
    identities.s3(server, bob).list_buckets()


# ---- tokens that are none -------------------------------------------------------------------------------------------


def flipped(token, position):
    replaced = "A" if token[position] != "A" else "B"
    return token[:position] + replaced + token[position + 1 :]


def test_a_token_that_is_not_as_issued_is_refused(server, alice, number):
    session = of_reply(clients.sts(server, alice.keys).get_session_token())
    other = of_reply(clients.sts(server, alice.keys).get_session_token())
    key, secret, token = session
    tokens = {f"bit at {i}": flipped(token, i) for i in (0, 1, 5, len(token) // 2, len(token) - 2)} | {
        "cut": token[:-4], "longer": token + "AAAA", "of another session": other[2], "nothing of the kind": "x",
        "json": base64.b64encode(json.dumps({"user": alice.name, "exp": 9_999_999_999}).encode()).decode(),
        "twice": token + token, "blank": " ", "long": "A" * 20_000,
    }  # fmt: skip
    for what, forged in tokens.items():
        for call in (
            clients.sts(server, (key, secret, forged)).get_caller_identity,
            clients.sts(server, (key, secret, forged), data_plane=True).get_caller_identity,
            identities.s3(server, (key, secret, forged)).list_buckets,
        ):
            with pytest.raises(ClientError) as error:
                call()
            assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 431), what
    assert clients.sts(server, session).get_caller_identity()["Account"] == number


def test_a_temporary_key_is_nothing_without_its_token_and_its_secret(server, alice):
    key, secret, token = of_reply(clients.sts(server, alice.keys).get_session_token())
    refused(clients.sts(server, (key, secret)).get_caller_identity, "InvalidClientTokenId", 403)
    refused(clients.sts(server, (key, alice.keys[1], token)).get_caller_identity, "SignatureDoesNotMatch", 403)
    refused(identities.s3(server, (key, secret)).list_buckets, "InvalidAccessKeyId", 403)


def test_a_token_beside_a_long_term_key_is_refused(server, alice):
    token = of_reply(clients.sts(server, alice.keys).get_session_token())[2]
    refused(clients.sts(server, (*alice.keys, token)).get_caller_identity, "InvalidClientTokenId", 403)


def test_secrets_and_tokens_are_not_in_the_log(server, alice):
    key, secret, token = of_reply(clients.sts(server, alice.keys, data_plane=True).get_session_token())
    identities.s3(server, (key, secret, token))
    log = server.log()
    assert secret not in log and token not in log


# ---- the door on the address of buckets and objects -----------------------------------------------------------------

WHO = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


def post(server, fields=WHO, service="sts", sign=True, path="/", query=(), headers=None, tls=False, control=False):
    text = fields if isinstance(fields, bytes) else urlencode(fields, quote_via=quote).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"} | (headers or {})
    request = signing.Request("POST", path, list(query), headers, text)
    host = f"127.0.0.1:{server.control_port if control else server.port}"
    if sign:
        signing.sign_v4(request, server, service=service, host=host)
    return signing.send(request, server, tls=tls, control=control)


@pytest.mark.parametrize("control", [False, True], ids=["data", "control"])
def test_a_signed_form_is_answered(server, control):
    for tls in (False, True):
        reply = post(server, control=control, tls=tls)
        assert reply.status == 200 and reply.headers["content-type"] == "text/xml", reply
        text = reply.body.decode()
        assert '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' in text
        assert f"<RequestId>{reply.headers['x-amzn-requestid']}</RequestId></ResponseMetadata>" in text
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "arguments, code, status",
    [
        ({"sign": False}, "MissingAuthenticationToken", 403),
        ({"service": "s3"}, "SignatureDoesNotMatch", 403),
        ({"service": "iam"}, "SignatureDoesNotMatch", 403),
        ({"query": [("Action", "GetCallerIdentity")]}, "InvalidQueryParameter", 400),
        ({"fields": {"Action": "ListUsers", "Version": "2010-05-08"}, "service": "iam"}, "InvalidAction", 400),
        ({"fields": WHO | {"Action": "DecodeAuthorizationMessage"}}, "InvalidAction", 400),
        ({"fields": b"Action=GetCallerIdentity&Version=2011-06-15&Action=AssumeRole"}, "InvalidQueryParameter", 400),
        ({"fields": b"a=" + b"x" * 70_000}, "RequestEntityTooLarge", 413),
    ],
    ids=["unsigned", "for s3", "for iam", "in the address", "iam", "not offered", "twice", "large"],
)
def test_requests_refused_at_the_door_of_the_data_plane(server, arguments, code, status):
    reply = post(server, **arguments)
    assert (reply.code, reply.status) == (code, status), reply
    assert b"<ErrorResponse xmlns=" in reply.body


def test_a_form_for_a_bucket_is_none_for_sts(server):
    bucket = fresh("b")
    clients.s3(server).create_bucket(Bucket=bucket)
    for path in (f"/{bucket}", f"/{bucket}/k"):
        reply = post(server, path=path)
        assert reply.status >= 400 and b"GetCallerIdentityResponse" not in reply.body
    reply = post(server, headers={"Content-Type": "application/xml"}, service="s3")
    assert reply.status == 405, "a post of something else to the service is no operation"


def other_address():
    """An address of this machine that is not its loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def test_secrets_go_over_plain_http_to_this_machine_only(make_server):
    address = other_address()
    if not address:
        pytest.skip("this machine has its loopback only")
    server = make_server("--address", "0.0.0.0:0")
    host = f"{address}:{server.port}"
    text = urlencode(WHO).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = signing.sign_v4(signing.Request("POST", "/", [], headers, text), server, service="sts", host=host)
    reply = requests.post(f"http://{host}/", data=text, headers=request.headers, timeout=30)
    assert reply.status_code == 403 and "TLS" in reply.text and "GetCallerIdentityResult" not in reply.text
    spoofed = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
    reply = requests.post(f"http://{host}/", data=text, headers=request.headers | spoofed, timeout=30)
    assert reply.status_code == 403 and "TLS" in reply.text
    reply = requests.post(f"https://{host}/", data=text, headers=request.headers, verify=False, timeout=30)
    assert reply.status_code == 200 and "GetCallerIdentityResult" in reply.text


def test_sessions_sign_urls(server, alice, number):
    """A presigned URL of a session carries its token, and ends with what the session may do."""
    name = fresh("role")
    arn = make_role(server, name, [f"arn:aws:iam::{number}:root"], [allow("s3:*")])
    s3 = identities.s3(server, assume(server, alice.keys, arn))
    bucket = fresh("b")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=600)
    assert requests.get(url, verify=str(server.ca), timeout=30).content == b"hello"
    clients.iam(server).delete_role_policy(RoleName=name, PolicyName="inline")
    assert requests.get(url, verify=str(server.ca), timeout=30).status_code == 403
