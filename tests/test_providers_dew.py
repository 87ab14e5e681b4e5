"""Huawei DEW as a key provider, played by a second Strongroom: two processes of the same binary, one keeping the other's
CMKs, over TLS."""

import subprocess

import pytest
from botocore.exceptions import ClientError

from harness import clients, identities
from harness.providers import FaultProxy, configure, dew_settings, private_file, project_of, wait_until
from harness.server import REPOSITORY, clean_environment

BODY = b"sealed under a key of the head office" * 1000


@pytest.fixture(scope="module")
def head_office(make_server):
    return make_server()


@pytest.fixture(scope="module")
def branch(make_server, head_office):
    server = make_server("--bucket-key-ttl-seconds", "3", start=False)
    settings = dew_settings(server, "head-office", head_office)
    return configure(server, 'kms_default_provider = "head-office"', settings).start()


def put(s3, key, cmk, **more):
    s3.put_object(Bucket="branch", Key=key, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, **more)


def get(s3, key):
    return s3.get_object(Bucket="branch", Key=key)["Body"].read()


def status_of(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


@pytest.mark.timeout(1500)
def test_conformance_of_the_provider_against_a_second_strongroom(head_office):
    """AES-256 and SM4, each with its digest."""
    words = [head_office.control(tls=True), head_office.access_key, head_office.secret_key, project_of(head_office)]
    env = clean_environment(STRONGROOM_TEST_HUAWEI_DEW=" ".join([*words, str(head_office.ca)]))
    command = ["cargo", "test", "--workspace", "--locked", "--test", "services", "--", "huawei_dew"]
    before = len(clients.kms(head_office).list_keys()["Keys"])
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=1400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert len(clients.kms(head_office).list_keys()["Keys"]) > before, "it did run"


def test_objects_of_one_under_a_key_of_the_other(head_office, branch):
    theirs, kms, s3 = clients.kms(head_office), clients.kms(branch), clients.s3(branch)
    before = {key["KeyId"] for key in theirs.list_keys()["Keys"]}
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    (made,) = {key["KeyId"] for key in theirs.list_keys()["Keys"]} - before
    s3.create_bucket(Bucket="branch")
    put(s3, "direct", cmk)
    put(s3, "bucket-key", cmk, BucketKeyEnabled=True)
    assert get(s3, "direct") == BODY and get(s3, "bucket-key") == BODY
    branch.restart()
    assert get(s3, "direct") == BODY and get(s3, "bucket-key") == BODY

    theirs.disable_key(KeyId=made)
    assert status_of(get, s3, "direct") == 503
    assert s3.head_object(Bucket="branch", Key="direct")["ContentLength"] == len(BODY)
    theirs.enable_key(KeyId=made)
    wait_until(lambda: status_of(get, s3, "direct") == 200, "it reads again by itself")
    assert get(s3, "direct") == BODY


class Lent:
    """What lets the branch use a key of the head office, given and taken away again: a grant, or a policy of its user."""

    OPERATIONS = ["Encrypt", "Decrypt", "DescribeKey"]

    def __init__(self, head_office, kind):
        self.kind, self.kms, self.iam = kind, clients.kms(head_office), clients.iam(head_office)
        self.key = self.kms.create_key()["KeyMetadata"]
        self.user = f"branch-{kind}"
        self.credentials = identities.make_user(head_office, self.user)

    def give(self):
        if self.kind == "grant":
            user = f"arn:aws:iam::{self.key['AWSAccountId']}:user/{self.user}"
            given = self.kms.create_grant(KeyId=self.key["KeyId"], GranteePrincipal=user, Operations=self.OPERATIONS)
            self.grant = given["GrantId"]
        else:
            rights = identities.document(identities.allow([f"kms:{name}" for name in self.OPERATIONS]))
            self.iam.put_user_policy(UserName=self.user, PolicyName="lent", PolicyDocument=rights)

    def take_away(self):
        if self.kind == "grant":
            self.kms.revoke_grant(KeyId=self.key["KeyId"], GrantId=self.grant)
        else:
            self.iam.delete_user_policy(UserName=self.user, PolicyName="lent")


@pytest.mark.parametrize("kind", ["grant", "policy"])
def test_a_right_withdrawn_at_the_service_counts_when_the_bucket_key_ends(make_server, head_office, kind):
    """DESIGN's row "permission or grant withdrawn", remote. The requester has every right here; it is this server that may
    not use the key there, so the answer is 503, as whenever the service decides so, and not 403."""
    lent = Lent(head_office, kind)
    lent.give()
    server = make_server("--bucket-key-ttl-seconds", "5", start=False)
    secret = str(private_file(server.directory, "lent.secret", lent.credentials[1]))
    settings = dew_settings(server, "office", head_office, access_key=lent.credentials[0], secret_file=secret)
    configure(server, settings).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    s3.create_bucket(Bucket="branch")
    cmk = kms.create_key(CustomKeyStoreId="office", XksKeyId=lent.key["KeyId"])["KeyMetadata"]["Arn"]
    # The first request also pays for connections, and for the server's first use of everything.
    put(s3, "warm", cmk, BucketKeyEnabled=True)

    for _ in range(20):
        wait_until(lambda: status_of(put, s3, "before", cmk, BucketKeyEnabled=True) == 200, "it writes under a bucket key")
        lent.take_away()
        if status_of(get, s3, "before") == 200:
            break
        # The machine was slower than the bucket key's life, which tells nothing: once more.
        lent.give()
    else:
        raise AssertionError("what is cached was never served after the right was gone")
    assert status_of(put, s3, "direct", cmk) == 503, "what asks the service is refused at once"
    wait_until(lambda: status_of(get, s3, "before") == 503, "the unwrap has ended")
    wait_until(lambda: status_of(put, s3, "new", cmk, BucketKeyEnabled=True) == 503, "the bucket key has ended")
    assert status_of(s3.head_object, Bucket="branch", Key="new") == 404
    assert s3.head_object(Bucket="branch", Key="before")["ContentLength"] == len(BODY)
    s3.delete_object(Bucket="branch", Key="warm")

    lent.give()
    wait_until(lambda: status_of(get, s3, "before") == 200, "it reads again by itself")
    assert get(s3, "before") == BODY
    wait_until(lambda: status_of(put, s3, "new", cmk, BucketKeyEnabled=True) == 200, "it writes again by itself")
    assert get(s3, "new") == BODY


@pytest.mark.parametrize("fault", [*FaultProxy.FAULTS, "another-wrap", "another-key"])
def test_faults_of_the_wire(make_server, head_office, fault):
    proxy = FaultProxy(head_office.control())
    server = make_server(start=False)
    settings = dew_settings(server, "office", head_office, endpoint=proxy.url, timeout_ms=4000, tries_max=2)
    configure(server, 'kms_default_provider = "office"', settings).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    s3.create_bucket(Bucket="branch")
    cmk, _ = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    put(s3, "k", cmk)
    proxy.be(fault)
    # Where only wraps are another key's, what was wrapped before is read.
    assert status_of(get, s3, "k") == (200 if fault == "another-wrap" else 503)
    assert status_of(put, s3, "new", cmk) == 503
    assert status_of(s3.head_object, Bucket="branch", Key="new") == 404, "nothing half-written"
    assert (proxy.exchanged > 0) == (fault in FaultProxy.EXCHANGES)
    proxy.be("pass")
    wait_until(lambda: status_of(get, s3, "k") == 200, "it reads again by itself")
    assert get(s3, "k") == BODY
    proxy.stop()


def test_killed_and_started_again(head_office, branch):
    kms, s3 = clients.kms(branch), clients.s3(branch)
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    put(s3, "survives", cmk)
    head_office.kill()
    assert status_of(get, s3, "survives") == 503
    head_office.start()
    wait_until(lambda: status_of(get, s3, "survives") == 200, "it reads again by itself")
    assert get(s3, "survives") == BODY
