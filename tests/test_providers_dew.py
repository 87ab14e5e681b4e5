"""Huawei DEW as a key provider, played by a second Strongroom: two processes of the same binary, one keeping the other's
CMKs, over TLS."""

import subprocess

import pytest
from botocore.exceptions import ClientError

from harness import clients
from harness.providers import FaultProxy, configure, dew_settings, project_of, wait_until
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


@pytest.mark.parametrize("fault", [fault for fault in FaultProxy.FAULTS if fault != "another"])
def test_faults_of_the_wire(make_server, head_office, fault):
    proxy = FaultProxy(head_office.control())
    server = make_server(start=False)
    settings = dew_settings(server, "office", head_office, endpoint=proxy.url, timeout_ms=4000, tries_max=2)
    configure(server, 'kms_default_provider = "office"', settings).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    s3.create_bucket(Bucket="branch")
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    put(s3, "k", cmk)
    proxy.be(fault)
    assert status_of(get, s3, "k") == 503 and status_of(put, s3, "new", cmk) == 503
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
