"""PostObject: browsers upload by a form whose fields hold the credential, a policy and what elsewhere are headers."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import requests
from botocore.exceptions import ClientError

from harness import clients, disk, identities, signing, sse
from harness.server import DOMAIN, REGION
from harness.sse import KIB, MIB, CustomerKey, body

SCHEMES = ["v4", "v2", "obs", "obs-token"]
SSE = "server-side-encryption"


def prefix_of(scheme):
    return "x-obs-" if scheme.startswith("obs") else "x-amz-"


def keys_of(server, credentials):
    return credentials or (server.access_key, server.secret_key)


def policy_text(conditions, seconds=600, expiration=None):
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return json.dumps({"expiration": expiration or moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "conditions": conditions})


def signed(server, scheme, fields, conditions=None, credentials=None, policy=None, **more):
    """The fields with a credential over a policy. Without `conditions` each field has one of its own, but for those of
    the credential, which are covered in any case, and a name with the file's in it, which is covered by its beginning."""
    access_key, secret, *token = keys_of(server, credentials)
    fields = dict(fields)
    if token:
        fields[prefix_of(scheme) + "security-token"] = token[0]
    stamp = signing.amz_date()
    own = {}
    if scheme == "v4":
        own = {
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": f"{access_key}/{stamp[:8]}/{REGION}/s3/aws4_request",
            "x-amz-date": stamp,
        }
    if conditions is None:
        conditions = [{n: v} for n, v in fields.items() if n != "key"]
        conditions += [["starts-with", "$key", fields.get("key", "").split("$")[0]]]
    if token:
        conditions = [*conditions, ["starts-with", f"${prefix_of(scheme)}security-token", ""]]
    text = policy if policy is not None else policy_text([*conditions, *({n: v} for n, v in own.items())], **more)
    encoded = base64.b64encode(text.encode()).decode()
    if scheme == "v4":
        key = f"AWS4{secret}".encode()
        for part in (stamp[:8], REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        own["x-amz-signature"] = hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest()
        return fields | own | {"policy": encoded}
    signature = base64.b64encode(hmac.new(secret.encode(), encoded.encode(), hashlib.sha1).digest()).decode()
    if scheme == "obs-token":
        return fields | {"token": f"{access_key}:{signature}:{encoded}"}
    name = "AWSAccessKeyId" if scheme == "v2" else "AccessKeyId"
    return fields | {name: access_key, "policy": encoded, "signature": signature}


def post(server, bucket, fields, content=b"content", name="f.bin", tls=True, virtual_hosted=False, **more):
    """Sends a form as a browser does."""
    files = {"file": (name, content)}
    url = server.objects(tls, host=f"{bucket}.{DOMAIN}") if virtual_hosted else f"{server.objects(tls)}/{bucket}"
    return requests.post(
        url, data=fields, files=files, verify=str(server.ca), allow_redirects=False, timeout=120, **more
    )  # fmt: skip


def in_bucket(bucket):
    return ["eq", "$bucket", bucket]


def code(reply):
    found = re.search("<Code>(.*?)</Code>", reply.text)
    return found and found[1]


def refused(reply, status=403, error="AccessDenied"):
    assert (reply.status_code, code(reply)) == (status, error), (reply.status_code, reply.text[:500])
    return reply


def written(reply, status=204):
    assert reply.status_code == status, (reply.status_code, reply.text[:500])
    return reply


def names(s3, bucket):
    return [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def encryption_fields(method, scheme, cmk):
    """A method as a form says it, in the words of the dialect."""
    prefix = prefix_of(scheme)
    kms_id = "kms-key-id" if prefix == "x-obs-" else "aws-kms-key-id"
    words = {"sse-s3": {f"{prefix}{SSE}": "AES256"}, "plain": {}}
    if method.name.startswith("sse-kms"):
        words[method.name] = {
            f"{prefix}{SSE}": "kms" if prefix == "x-obs-" else "aws:kms",
            f"{prefix}{SSE}-{kms_id}": cmk.rsplit("/")[-1] if prefix == "x-obs-" else cmk,
        }
    if method.name == "sse-kms-bucket-key":
        words[method.name][f"{prefix}{SSE}-bucket-key-enabled"] = "true"
    if method.customer:
        words[method.name] = method.customer.headers(prefix)
    return words[method.name]


# ---- the happy path -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_method_in_each_dialect(server, s3, bucket, cmk, method, scheme):
    sent = body(200 * KIB + 1)
    prefix = prefix_of(scheme)
    fields = {"key": "dir/${filename}", "Content-Type": "text/x-form", f"{prefix}meta-Colour": "red"}
    fields |= encryption_fields(method, scheme, cmk)
    if scheme == "obs":
        fields["bucket"] = bucket
        form = signed(server, scheme, fields)
    else:
        given = [{n: v} for n, v in fields.items() if n != "key"]
        form = signed(server, scheme, fields, [*given, ["starts-with", "$key", "dir/f.b"], in_bucket(bucket)])
    reply = written(post(server, bucket, form, sent, virtual_hosted=scheme != "v2"))
    for name, value in fields.items():
        if SSE in name and not name.endswith("customer-key"):
            shown = reply.headers[name]
            assert shown == value or (name.endswith("key-id") and shown.endswith(value)), name
    assert f"{prefix}{SSE}-customer-key" not in reply.headers
    got = s3.get_object(Bucket=bucket, Key="dir/f.bin", **method.read)
    assert got["Body"].read() == sent and got["ETag"] == reply.headers["ETag"]
    assert got["ContentType"] == "text/x-form" and got["Metadata"] == {"colour": "red"}
    method.check(got)


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
@pytest.mark.parametrize("virtual_hosted", [False, True])
def test_boto3_presigned_posts(server, bucket, cmk, signature, virtual_hosted):
    s3 = clients.s3(server, signature=signature, virtual_hosted=virtual_hosted)
    fields = {"acl": "private", f"x-amz-{SSE}": "aws:kms", f"x-amz-{SSE}-aws-kms-key-id": cmk}
    conditions = [{n: v} for n, v in fields.items()] + [["content-length-range", 1, MIB]]
    made = s3.generate_presigned_post(bucket, "up/${filename}", Fields=fields, Conditions=conditions, ExpiresIn=300)
    reply = requests.post(
        made["url"], data=made["fields"], files={"file": ("a b.txt", b"by boto3")}, verify=str(server.ca)
    )  # fmt: skip
    written(reply)
    got = s3.get_object(Bucket=bucket, Key="up/a b.txt") if signature == "s3v4" else None
    got = got or clients.s3(server).get_object(Bucket=bucket, Key="up/a b.txt")
    assert got["Body"].read() == b"by boto3" and got["SSEKMSKeyId"] == cmk


@pytest.mark.parametrize("signature", ["obs", "v2", "v4"])
def test_the_obs_sdks_forms(server, s3, bucket, cmk, signature):
    """The SDK leaves fields it does not know out of the policy; a form's button is such a one."""
    obs = clients.obs(server, signature=signature, virtual_hosted=signature == "obs")
    prefix = "x-obs-" if signature == "obs" else "x-amz-"
    kms_id = "kms-key-id" if signature == "obs" else "aws-kms-key-id"
    fields = {
        f"{prefix}acl": "private", "content-type": "text/plain", f"{prefix}meta-a": "b",
        f"{prefix}{SSE}": "kms" if signature == "obs" else "aws:kms", f"{prefix}{SSE}-{kms_id}": cmk.rsplit("/")[-1],
    }  # fmt: skip
    made = obs.createPostSignature(bucketName=bucket, objectKey="by-sdk", expires=300, formParams=fields)
    form = fields | {"key": "by-sdk", "policy": made.policy}
    if signature == "v4":
        form |= {
            "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": made.credential, "x-amz-date": made.date,
            "x-amz-signature": made.signature,
        }  # fmt: skip
    else:
        form |= {"AccessKeyId" if signature == "obs" else "AWSAccessKeyId": made.accessKeyId, "signature": made.signature}
        form["submit"] = "Upload"
    written(post(server, bucket, form, virtual_hosted=signature == "obs"))
    got = s3.get_object(Bucket=bucket, Key="by-sdk")
    assert got["Body"].read() == b"content" and got["Metadata"] == {"a": "b"} and got["SSEKMSKeyId"] == cmk
    anywhere = obs.createPostSignature(expires=300, formParams={})
    if signature == "obs":
        token = f"{anywhere.accessKeyId}:{anywhere.signature}:{anywhere.policy}"
        written(post(server, bucket, {"key": "any", "token": token}, virtual_hosted=True))


def test_names_of_fields_and_operators_have_no_case(server, s3, bucket):
    """As the Ceph suite sends it: every field with a file name, in odd case, a policy in odd case."""
    conditions = [
        {"bUcKeT": bucket}, ["StArTs-WiTh", "$KeY", "foo"], {"AcL": "private"},
        ["StArTs-WiTh", "$CoNtEnT-TyPe", "text/plain"], ["content-length-range", 0, 1024],
    ]  # fmt: skip
    form = signed(server, "v2", {"kEy": "foo.txt", "aCl": "private", "Content-Type": "text/plain"}, conditions)
    form = {{"policy": "pOLICy", "AWSAccessKeyId": "aWSAccessKeyId"}.get(n, n): v for n, v in form.items()}
    written(requests.post(f"{server.objects(True)}/{bucket}", files=form | {"file": "bar"}, verify=str(server.ca)))
    got = s3.get_object(Bucket=bucket, Key="foo.txt")
    assert got["Body"].read() == b"bar" and got["ContentType"] == "text/plain"
    escaped = signed(server, "v2", {"key": r"\$foo.txt"}, [in_bucket(bucket), ["starts-with", "$key", r"\$foo"]])
    written(post(server, bucket, escaped))
    assert r"\$foo.txt" in names(s3, bucket)


@pytest.mark.parametrize("sent,kept", [
    ("a.txt", "a.txt"), ("C:\\Users\\a.txt", "a.txt"), ("/etc/passwd", "passwd"), ("../../a", "a"), ("ü ☃.txt", "ü ☃.txt"),
])  # fmt: skip
def test_the_files_name_in_the_objects(server, s3, bucket, sent, kept):
    written(post(server, bucket, signed(server, "v4", {"key": "in/${filename}", "bucket": bucket}), name=sent))
    assert names(s3, bucket) == [f"in/{kept}"]
    # The name is filled in before the policy is asked.
    conditions = [in_bucket(bucket), {"key": "in/only-this"}]
    refused(post(server, bucket, signed(server, "v4", {"key": "in/${filename}"}, conditions), name=sent))


# ---- answers --------------------------------------------------------------------------------------------------------


def test_answers_by_status(server, s3, bucket):
    etag = f'"{hashlib.md5(b"content").hexdigest()}"'
    for said, status in ((None, 204), ("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)):
        fields = {"key": "dir/a b&ü", "bucket": bucket} | ({"success_action_status": said} if said is not None else {})
        reply = written(post(server, bucket, signed(server, "v4", fields)), status)
        assert reply.headers["ETag"] == etag
        assert reply.headers["Location"] == f"{server.objects(True)}/{bucket}/dir/a%20b%26%C3%BC"
        if status == 201:
            assert reply.headers["Content-Type"] == "application/xml"
            document = ElementTree.fromstring(reply.content)
            assert document.tag == "PostResponse"
            assert [document.find(n).text for n in ("Bucket", "Key", "ETag")] == [bucket, "dir/a b&ü", etag]
            assert document.find("Location").text == reply.headers["Location"]
        else:
            assert reply.content == b""
    hosted = written(post(server, bucket, signed(server, "obs", {"key": "k", "bucket": bucket}), virtual_hosted=True))
    assert hosted.headers["Location"] == f"{server.objects(True, host=f'{bucket}.{DOMAIN}')}/k"


def test_the_browser_is_led_on(server, s3, bucket):
    def led(address, field="success_action_redirect", **more):
        fields = {"key": "a&b=c", "bucket": bucket, field: address} | more
        return post(server, bucket, signed(server, "v2", fields))

    for field in ("success_action_redirect", "redirect"):
        reply = written(led("http://app.example/done?x=1#part", field, success_action_status="201"), 303)
        address = urlsplit(reply.headers["Location"])
        assert address.fragment == "part" and address.netloc == "app.example"
        etag = f'"{hashlib.md5(b"content").hexdigest()}"'
        assert parse_qs(address.query) == {"x": ["1"], "bucket": [bucket], "key": ["a&b=c"], "etag": [etag]}
    for no_address in ("javascript:alert(1)", "/relative", "//x.example/", "data:text/html,x", "nonsense", ""):
        assert written(led(no_address)).headers["Location"].startswith(server.objects(True))
    broken = written(led("http://x.example/\r\nSet-Cookie: a=b"))
    assert "Set-Cookie" not in broken.headers
    uncovered = signed(server, "v2", {"key": "k"}, [in_bucket(bucket), {"key": "k"}])
    refused(post(server, bucket, uncovered | {"success_action_redirect": "http://evil.example/"}))


# ---- the policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_condition_violated(server, s3, bucket, scheme):
    prefix = prefix_of(scheme)
    good = {"key": "up/k", "Content-Type": "image/png", f"{prefix}meta-a": "1", f"{prefix}{SSE}": "AES256"}
    conditions = [
        in_bucket(bucket), ["starts-with", "$key", "up/"], ["starts-with", "$content-type", "image/"],
        {f"{prefix}meta-a": "1"}, ["eq", f"${prefix}{SSE}", "AES256"], ["content-length-range", 2, 10],
    ]  # fmt: skip
    written(post(server, bucket, signed(server, scheme, good, conditions)))
    s3.delete_object(Bucket=bucket, Key="up/k")
    for name, value in (
        ("key", "elsewhere/k"), ("key", "up"), ("Content-Type", "text/html"), ("Content-Type", "image/png,text/html"),
        (f"{prefix}meta-a", "2"), (f"{prefix}meta-a", " 1"), (f"{prefix}{SSE}", "kms"), ("bucket", "another-bucket"),
    ):  # fmt: skip
        refused(post(server, bucket, signed(server, scheme, good | {name: value}, conditions)))
    for name in good:
        if name != "key":
            refused(post(server, bucket, signed(server, scheme, {n: v for n, v in good.items() if n != name}, conditions)))
    refused(post(server, bucket, signed(server, scheme, good, conditions), b"x" * 11), 400, "EntityTooLarge")
    refused(post(server, bucket, signed(server, scheme, good, conditions), b"x"), 400, "EntityTooSmall")
    refused(post(server, bucket, signed(server, scheme, good, conditions), body(3 * MIB)), 400, "EntityTooLarge")
    assert names(s3, bucket) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_no_condition_speaks_of_is_refused(server, s3, bucket, cmk, scheme):
    """Encryption first: whoever fills the form in may not choose it, take it away or replace it."""
    prefix = prefix_of(scheme)
    conditions = [in_bucket(bucket), {"key": "k"}]
    customer = CustomerKey().headers(prefix)
    for extra in (
        {f"{prefix}{SSE}": "AES256"}, {f"{prefix}{SSE}": "kms"}, customer, {f"{prefix}{SSE}-bucket-key-enabled": "true"},
        {f"{prefix}{SSE}-kms-key-id": cmk}, {f"{prefix}server-side-data-encryption": "SM4"},
        {f"X-Amz-{SSE.title()}": "AES256"}, {f"X-OBS-{SSE.upper()}": "AES256"},
        {"acl": "public-read"}, {f"{prefix}acl": "public-read"}, {f"{prefix}grant-read": "id=x"}, {f"{prefix}meta-a": "b"},
        {"Content-Type": "text/html"}, {"Cache-Control": "no-store"}, {"Content-Disposition": "inline"}, {"Expires": "x"},
        {f"{prefix}website-redirect-location": "http://evil.example/"}, {f"{prefix}storage-class": "STANDARD"},
        {"tagging": "<Tagging><TagSet/></Tagging>"}, {"success_action_status": "200"}, {f"{prefix}copy-source": "/a/b"},
        {f"{prefix}security-token": "t"}, {"Content-MD5": "x"},
    ):  # fmt: skip
        form = signed(server, scheme, {"key": "k"}, conditions) | extra
        assert post(server, bucket, form).status_code in (400, 403), extra
    for without in ("bucket", "key"):
        left = [c for c in conditions if without not in json.dumps(c)]
        refused(post(server, bucket, signed(server, scheme, {"key": "k"}, left)))
    assert names(s3, bucket) == []
    ignored = signed(server, scheme, {"key": "k"}, conditions) | {"x-ignore-anything": "1", "X-Ignore-More": "2"}
    written(post(server, bucket, ignored))
    other = signed(server, scheme, {"key": "k"}, conditions) | {"submit": "Upload"}
    assert post(server, bucket, other).status_code == (403 if scheme == "v4" else 204)


def test_v4_fields_must_stand_in_the_policy(server, s3, bucket):
    for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date"):
        good = json.loads(base64.b64decode(signed(server, "v4", {"key": "k", "bucket": bucket})["policy"]))
        good["conditions"] = [c for c in good["conditions"] if not (isinstance(c, dict) and name in c)]
        refused(post(server, bucket, signed(server, "v4", {"key": "k", "bucket": bucket}, policy=json.dumps(good))))
    assert names(s3, bucket) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_form_is_for_one_bucket(server, s3, bucket, scheme):
    """CVE-2023-28434, CVE-2023-43040: the bucket is the one addressed, whatever the form says."""
    other = f"o-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=other)
    for virtual_hosted in (False, True):
        plain = signed(server, scheme, {"key": "k"}, [in_bucket(bucket), {"key": "k"}])
        named = signed(server, scheme, {"key": "k", "bucket": bucket}, [in_bucket(bucket), {"key": "k"}])
        contradicting = signed(server, scheme, {"key": "k", "bucket": other}, [in_bucket(bucket), {"key": "k"}])
        anywhere = signed(server, scheme, {"key": "k", "bucket": bucket}, [["starts-with", "$bucket", ""], {"key": "k"}])
        for form in (plain, named, contradicting, anywhere):
            refused(post(server, other, form, virtual_hosted=virtual_hosted))
        refused(post(server, bucket, contradicting, virtual_hosted=virtual_hosted))
    assert names(s3, other) == names(s3, bucket) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tampered_expired_and_malformed_policies(server, s3, bucket, scheme):
    fields, conditions = {"key": "k"}, [in_bucket(bucket), {"key": "k"}]
    form = signed(server, scheme, fields, conditions)

    def changed(form, name, change):
        return form | {name: change(form[name])}

    if scheme == "obs-token":
        access_key, signature, policy = form["token"].split(":")
        wider = base64.b64encode(policy_text([["starts-with", "$key", ""], in_bucket(bucket)]).encode()).decode()
        refused(post(server, bucket, form | {"token": f"{access_key}:{signature}:{wider}"}), error="SignatureDoesNotMatch")
        refused(post(server, bucket, form | {"token": f"NOBODY0000000000:{signature}:{policy}"}), error="InvalidAccessKeyId")
        refused(post(server, bucket, form | {"token": f"{access_key}:{signature}"}), 400, "InvalidArgument")
    else:
        wider = base64.b64encode(policy_text([["starts-with", "$key", ""], in_bucket(bucket)]).encode()).decode()
        refused(post(server, bucket, form | {"policy": wider}), error="SignatureDoesNotMatch")
        signature = "x-amz-signature" if scheme == "v4" else "signature"
        flip = lambda text: ("0" if text[0] != "0" else "1") + text[1:]  # noqa: E731
        refused(post(server, bucket, changed(form, signature, flip)), error="SignatureDoesNotMatch")
        refused(post(server, bucket, form | {signature: ""}), error="SignatureDoesNotMatch")
        for name in (signature, "policy"):
            incomplete = {n: v for n, v in form.items() if n != name}
            refused(post(server, bucket, incomplete), 400, "InvalidArgument")
        anonymous = {n: v for n, v in form.items() if "ccess" not in n and "algorithm" not in n}
        refused(post(server, bucket, anonymous), 400, "InvalidArgument")
    wrong = (server.access_key, "another-secret-of-the-tests-0123456789")
    refused(post(server, bucket, signed(server, scheme, fields, conditions, wrong)), error="SignatureDoesNotMatch")
    nobody = ("NOBODY0000000000", server.secret_key)
    refused(post(server, bucket, signed(server, scheme, fields, conditions, nobody)), error="InvalidAccessKeyId")
    foreign = (server.access_key, server.secret_key, "a-token-of-nobody")
    assert post(server, bucket, signed(server, scheme, fields, conditions, foreign)).status_code in (400, 403)
    refused(post(server, bucket, signed(server, scheme, fields, conditions, seconds=-1)))
    good = json.loads(policy_text(conditions))
    for text in (
        "", "{", "[]", "null", json.dumps({"expiration": good["expiration"]}), json.dumps({"conditions": conditions}),
        json.dumps({"EXPIRATION": good["expiration"], "conditions": conditions}),
        json.dumps({"expiration": good["expiration"], "CONDITIONS": conditions}),
        json.dumps(good | {"expiration": "2030-01-01 00:00:00+00:00"}), json.dumps(good | {"expiration": 2**40}),
        json.dumps(good | {"more": 1}), json.dumps(good | {"conditions": [{}]}), "[" * 20000,
        json.dumps(good | {"conditions": [["content-length-range", 0]]}),
        json.dumps(good | {"conditions": [["content-length-range", -1, 0]]}),
        json.dumps(good | {"conditions": [["like", "$key", "k"]]}), json.dumps(good | {"conditions": [["eq", "key", "k"]]}),
    ):  # fmt: skip
        refused(post(server, bucket, signed(server, scheme, fields, policy=text)), 400, "InvalidPolicyDocument")
    assert names(s3, bucket) == []


def test_no_answer_shows_a_secret(server, s3, bucket):
    """Neither a failed condition nor a wrong signature repeats a customer key or a token that the policy names."""
    customer = CustomerKey()
    fields = {"key": "k", "bucket": bucket} | customer.headers()
    other = fields | {f"x-amz-{SSE}-customer-key": CustomerKey().base64}
    text = policy_text([{n: v} for n, v in fields.items()])
    for form in (
        signed(server, "v2", other, policy=text),
        signed(server, "v2", fields, policy=text, credentials=(server.access_key, "another-secret-of-the-tests-012345678")),
    ):  # fmt: skip
        reply = post(server, bucket, form)
        assert reply.status_code == 403
        assert customer.base64 not in reply.text and form["policy"] not in reply.text
    assert customer.base64 not in server.log() and names(s3, bucket) == []


# ---- what is no form ------------------------------------------------------------------------------------------------


def raw_form(parts, boundary="b", end=True):
    out = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), content)
        for head, content in parts
    )
    return out + (b"--%s--\r\n" % boundary.encode() if end else b"")


def fields_of(form):
    return [(f'name="{name}"', value.encode()) for name, value in form.items()]


def send_raw(server, bucket, data, content_type="multipart/form-data; boundary=b", headers=None, **more):
    headers = {"Content-Type": content_type} | (headers or {})
    return requests.post(f"{server.objects(True)}/{bucket}", data=data, headers=headers, verify=str(server.ca), **more)


FILE = ('name="file"; filename="f"', b"content")


def test_broken_forms_write_nothing(server, s3, bucket):
    form = fields_of(signed(server, "v4", {"key": "k", "bucket": bucket}))
    whole = raw_form([*form, FILE])
    key_missing = fields_of(signed(server, "v4", {"bucket": bucket}, [in_bucket(bucket)]))
    for error, data in (
        ("IncorrectNumberOfFilesInPostRequest", raw_form(form)),
        ("IncorrectNumberOfFilesInPostRequest", raw_form([*form, FILE, FILE])),
        ("IncorrectNumberOfFilesInPostRequest", raw_form([*form, FILE, ('name="other"', b"x"), FILE])),
        ("MaxPostPreDataLengthExceededError", raw_form([('name="x-ignore-a"', b"x" * 70000), *form, FILE])),
        ("MaxPostPreDataLengthExceededError", b"p" * 70000 + b"\r\n" + whole),
        ("MaxPostPreDataLengthExceededError", raw_form([(f'name="{"n" * 70000}"', b"x"), *form, FILE])),
        ("MalformedPOSTRequest", raw_form([("x", b"x"), *form, FILE])),
        ("MalformedPOSTRequest", whole.replace(b"--b--", b"--bc")),
        ("MalformedPOSTRequest", whole + b"e" * 70000),
        ("IncompleteBody", raw_form([*form, FILE], end=False)),
        ("IncompleteBody", whole[:-6]),
        ("IncompleteBody", raw_form(form, end=False)),
        ("IncompleteBody", b""),
        ("InvalidArgument", raw_form([*form, ('name="KEY"', b"other"), FILE])),
        ("InvalidArgument", raw_form([*key_missing, FILE])),
        ("InvalidArgument", raw_form([*key_missing, FILE, ('name="key"', b"k")])),
    ):
        refused(send_raw(server, bucket, data), 400, error)
    for content_type in ("multipart/form-data", f"multipart/form-data; boundary={'x' * 71}", "multipart/form-data; boundary="):
        refused(send_raw(server, bucket, whole, content_type), 400, "MalformedPOSTRequest")
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/mixed; boundary=b"):
        agent = {"User-Agent": "aws-cli/2"}
        refused(send_raw(server, bucket, whole, content_type, agent), 412, "PreconditionFailed")
        refused(send_raw(server, bucket, whole, content_type), 400, "RequestIsNotMultiPartContent")
    assert names(s3, bucket) == []
    written(send_raw(server, bucket, whole))
    written(send_raw(server, bucket, iter([whole[i : i + 7] for i in range(0, len(whole), 7)])))
    written(send_raw(server, bucket, raw_form([*form, FILE, ('name="key"', b"other"), ('name="acl"', b"public-read")])))
    assert names(s3, bucket) == ["k"], "what follows the file is ignored"


def test_a_form_has_one_credential_and_no_headers_of_its_own(server, s3, bucket):
    form = signed(server, "v4", {"key": "k", "bucket": bucket})
    data = raw_form([*fields_of(form), FILE])
    request = signing.Request("POST", f"/{bucket}", headers={"Content-Type": "multipart/form-data; boundary=b"}, body=data)
    both = signing.send(signing.sign_v4(request, server), server, tls=True)
    assert (both.status, both.code) == (400, "InvalidArgument")
    request = signing.Request("POST", f"/{bucket}", headers={"Content-Type": "multipart/form-data; boundary=b"}, body=data)
    url = signing.send(signing.presign_v4(request, server), server, tls=True)
    assert url.status in (400, 403)
    header_alone = raw_form([('name="key"', b"k"), FILE])
    request = signing.Request(
        "POST", f"/{bucket}", headers={"Content-Type": "multipart/form-data; boundary=b"}, body=header_alone
    )  # fmt: skip
    assert signing.send(signing.sign_v4(request, server), server, tls=True).status == 400
    two = form | {"AWSAccessKeyId": server.access_key, "signature": "x"}
    refused(post(server, bucket, two), 400, "InvalidArgument")
    for name in (f"x-amz-{SSE}", f"X-OBS-{SSE}", "x-amz-acl", "x-amz-meta-a", "x-amz-copy-source"):
        refused(post(server, bucket, form, headers={name: "AES256"}))
    for name in (f"x-amz-{SSE}", "x-amz-copy-source"):
        assert requests.post(
            f"{server.objects(True)}/{bucket}", params={name: "AES256"}, data=form, files={"file": b"x"},
            verify=str(server.ca),
        ).status_code == 400  # fmt: skip
    assert names(s3, bucket) == []
    # A form's fields set nothing that the request itself says, nor what the store keeps for itself.
    odd = {"key": "k", "bucket": bucket, "x-amz-meta-x-amz-server-side-encryption": "AES256", "Host": "x", "User-Agent": "y"}
    written(post(server, bucket, signed(server, "v4", odd)))
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"content" and "ServerSideEncryption" not in got


def test_promised_digests_are_held(server, s3, bucket):
    content = b"some content"
    right = {
        "Content-MD5": base64.b64encode(hashlib.md5(content).digest()).decode(),
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
    }
    for name, value in right.items():
        fields = {"key": "k", "bucket": bucket, name: value}
        refused(post(server, bucket, signed(server, "v4", fields), b"another"), 400, "BadDigest")
        assert post(server, bucket, signed(server, "v4", fields | {name: "sailorjerry"}), content).status_code == 400
        assert names(s3, bucket) == []
        written(post(server, bucket, signed(server, "v4", fields), content))
        s3.delete_object(Bucket=bucket, Key="k")


# ---- encryption -----------------------------------------------------------------------------------------------------


def test_misuse_of_encryption(server, s3, bucket, cmk):
    customer = CustomerKey()
    for extra, error in (
        ({f"x-amz-{SSE}": "AES192"}, "InvalidArgument"),
        ({f"x-amz-{SSE}": ""}, "InvalidArgument"),
        ({f"x-amz-{SSE}-aws-kms-key-id": cmk}, "InvalidArgument"),
        ({f"x-amz-{SSE}": "aws:kms", f"x-amz-{SSE}-aws-kms-key-id": str(uuid.uuid4())}, "KMS.NotFoundException"),
        ({f"x-amz-{SSE}": "AES256"} | customer.headers(), "InvalidArgument"),
        (customer.headers() | {f"x-amz-{SSE}-customer-key-MD5": CustomerKey().md5}, "InvalidArgument"),
    ):
        reply = post(server, bucket, signed(server, "v4", {"key": "k", "bucket": bucket} | extra))
        assert (reply.status_code, code(reply)) == (400, error), extra
    for method in (customer.headers(), {f"x-amz-{SSE}": "aws:kms"}):
        form = signed(server, "v4", {"key": "k", "bucket": bucket} | method)
        refused(post(server, bucket, form, tls=False), 400, "InvalidRequest")
    assert names(s3, bucket) == []


def test_the_buckets_default_counts(server, s3, bucket, cmk):
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": cmk}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    reply = written(post(server, bucket, signed(server, "v2", {"key": "k", "bucket": bucket})))
    assert reply.headers[f"x-amz-{SSE}-aws-kms-key-id"] == cmk
    assert s3.get_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == cmk


def test_nothing_of_a_sealed_form_is_on_the_disk(server, s3, bucket, cmk):
    marker = f"a-marker-of-forms-{uuid.uuid4().hex}".encode()
    for i, name in enumerate(n for n in sse.METHOD_NAMES if n != "plain"):
        method = sse.method(name, cmk)
        for size in (len(marker), 300 * KIB):
            sent = (marker * (size // len(marker) + 1))[:size]
            fields = {"key": f"{i}-{size}", "bucket": bucket} | encryption_fields(method, "obs", cmk)
            written(post(server, bucket, signed(server, "obs", fields), sent))
            assert s3.get_object(Bucket=bucket, Key=f"{i}-{size}", **method.read)["Body"].read() == sent
    disk.settled_blobs(server)
    assert disk.files_holding(server.data, marker) == []
    assert marker not in server.log().encode()


# ---- size -----------------------------------------------------------------------------------------------------------


def memory(server, field):
    status = open(f"/proc/{server.process.pid}/status").read()
    return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024


def test_a_large_form_streams(server, s3, bucket):
    """100 MiB flow through: the server never holds more than a small part of it, and a cut one leaves nothing."""
    size = 100 * MIB
    piece = body(MIB)
    fields = {"key": "large", "bucket": bucket, f"x-amz-{SSE}": "AES256"}
    start = raw_form([*fields_of(signed(server, "v4", fields)), ('name="file"; filename="f"', b"")], end=False)[:-2]

    def stream(pieces):
        yield start
        for _ in range(pieces):
            yield piece
        yield b"\r\n--b--\r\n"

    before = memory(server, "VmRSS")
    written(send_raw(server, bucket, stream(size // MIB)))
    assert memory(server, "VmHWM") - before < 48 * MIB
    got = s3.get_object(Bucket=bucket, Key="large")
    digest = hashlib.sha256()
    for part in got["Body"].iter_chunks(MIB):
        digest.update(part)
    assert digest.digest() == hashlib.sha256(piece * (size // MIB)).digest()

    def cut():
        yield start
        yield piece
        raise ConnectionAbortedError

    s3.delete_object(Bucket=bucket, Key="large")
    with pytest.raises(Exception):
        send_raw(server, bucket, cut())
    assert names(s3, bucket) == []


# ---- who ------------------------------------------------------------------------------------------------------------


def test_the_anonymous_may_not_write_by_default(server, s3, bucket):
    for fields in ({"key": "k"}, {"key": "k", "x-amz-meta-a": "b"}, {"key": "k", "acl": "public-read"}):
        refused(post(server, bucket, fields))
    missing = f"missing-{uuid.uuid4().hex[:10]}"
    assert post(server, missing, {"key": "k"}).status_code in (403, 404)
    assert names(s3, bucket) == []


def open_to_all(s3, bucket, actions=("s3:PutObject",)):
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/*"
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(statement))


def test_the_anonymous_write_where_they_may(server, s3, bucket, cmk):
    open_to_all(s3, bucket)
    written(post(server, bucket, {"key": "a/${filename}", "Content-Type": "text/plain"}))
    assert s3.get_object(Bucket=bucket, Key="a/f.bin")["ContentType"] == "text/plain"
    refused(post(server, bucket, {"key": "k", "bucket": "another-bucket"}))
    kms = {"key": "k", f"x-amz-{SSE}": "aws:kms", f"x-amz-{SSE}-aws-kms-key-id": cmk}
    refused(post(server, bucket, kms))
    refused(post(server, bucket, {"key": "k", "policy": "e30="}), 400, "InvalidArgument")
    assert names(s3, bucket) == ["a/f.bin"]


def test_a_policy_of_the_bucket_sees_the_fields(server, s3, bucket):
    """The published policies against unencrypted uploads, in both dialects' words, hold for forms; absent fields too."""
    resource = f"arn:aws:s3:::{bucket}/*"
    s3.put_bucket_policy(Bucket=bucket, Policy=identities.document(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource,
         "Condition": {"StringNotEquals": {f"s3:x-amz-{SSE}": "AES256"}}},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource,
         "Condition": {"StringEquals": {"s3:authType": "POST"}, "StringLike": {"aws:UserAgent": "blocked*"}}},
    ))  # fmt: skip
    for scheme in SCHEMES:
        prefix = prefix_of(scheme)
        refused(post(server, bucket, signed(server, scheme, {"key": "k", "bucket": bucket})))
        sealed = {"key": "k", "bucket": bucket, f"{prefix}{SSE}": "AES256"}
        refused(post(server, bucket, signed(server, scheme, sealed), headers={"User-Agent": "blocked/1"}))
        written(post(server, bucket, signed(server, scheme, sealed | {"User-Agent": "blocked/1"})))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_form_is_worth_what_its_signer_may_at_that_moment(server, s3, bucket, scheme):
    """CVE-2021-21362: rights, the key and the user count when the form comes, not when it was signed."""
    iam = clients.iam(server)
    user = f"u-{uuid.uuid4().hex[:10]}"
    rights = [identities.allow("s3:PutObject", f"arn:aws:s3:::{bucket}/up/*")]
    credentials = identities.make_user(server, user, rights)
    form = signed(server, scheme, {"key": "up/k", "bucket": bucket}, credentials=credentials)
    written(post(server, bucket, form))
    refused(post(server, bucket, signed(server, scheme, {"key": "other", "bucket": bucket}, credentials=credentials)))
    iam.update_access_key(UserName=user, AccessKeyId=credentials[0], Status="Inactive")
    refused(post(server, bucket, form), error="InvalidAccessKeyId")
    iam.update_access_key(UserName=user, AccessKeyId=credentials[0], Status="Active")
    written(post(server, bucket, form))
    iam.put_user_policy(UserName=user, PolicyName="more", PolicyDocument=identities.document(identities.deny("s3:PutObject")))
    refused(post(server, bucket, form))
    iam.delete_user_policy(UserName=user, PolicyName="more")
    written(post(server, bucket, form))
    iam.delete_user_policy(UserName=user, PolicyName="inline")
    refused(post(server, bucket, form))
    iam.delete_access_key(UserName=user, AccessKeyId=credentials[0])
    refused(post(server, bucket, form), error="InvalidAccessKeyId")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_right_to_write_is_not_the_right_to_a_key(server, s3, bucket, cmk, scheme):
    user = f"u-{uuid.uuid4().hex[:10]}"
    credentials = identities.make_user(server, user, [identities.allow("s3:*")])
    fields = {"key": "k", "bucket": bucket} | encryption_fields(sse.method("sse-kms", cmk), scheme, cmk)
    refused(post(server, bucket, signed(server, scheme, fields, credentials=credentials)))
    clients.iam(server).put_user_policy(
        UserName=user, PolicyName="keys", PolicyDocument=identities.document(identities.allow("kms:*"))
    )  # fmt: skip
    written(post(server, bucket, signed(server, scheme, fields, credentials=credentials)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sessions_sign_forms_with_their_token(server, s3, bucket, scheme):
    user = identities.make_user(server, f"u-{uuid.uuid4().hex[:10]}", [identities.allow("s3:*")])
    session = identities.of_reply(clients.sts(server, user).get_session_token())
    fields, conditions = {"key": "k"}, [in_bucket(bucket), {"key": "k"}]
    form = signed(server, scheme, fields, conditions, session)
    written(post(server, bucket, form))
    token = prefix_of(scheme) + "security-token"
    without = {n: v for n, v in form.items() if n != token}
    assert post(server, bucket, without).status_code in (400, 403)
    uncovered = signed(server, scheme, fields, conditions, session[:2]) | {token: session[2]}
    refused(post(server, bucket, uncovered))
    forged = form | {token: session[2][:-4] + ("AAAA" if not session[2].endswith("AAAA") else "BBBB")}
    assert post(server, bucket, forged).status_code in (400, 403)


def test_tags_and_acls_come_with_a_form(server, s3, bucket):
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )  # fmt: skip
    s3.delete_public_access_block(Bucket=bucket)
    tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>"
    fields = {"key": "k", "bucket": bucket, "tagging": tags, "acl": "public-read"}
    written(post(server, bucket, signed(server, "v4", fields)))
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a b", "Value": "1&2"}]
    assert requests.get(f"{server.objects(True)}/{bucket}/k", verify=str(server.ca)).content == b"content"
    bad = {"key": "k2", "bucket": bucket, "tagging": "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"}
    refused(post(server, bucket, signed(server, "v4", bad)), 400, "MalformedXML")
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k2")
