"""Key providers outside the server: AWS KMS played by moto. What is wrapped where, how many calls that takes, and which
settings are refused. What happens when the service fails is in `test_providers_faults.py`."""

import os
import subprocess

import pytest
import requests

from harness import clients, keys
from harness.providers import (
    AWS_ACCESS_KEY, AWS_SECRET_KEY, FaultProxy, aws_settings, configure, private_file, table,
)  # fmt: skip
from harness.server import REPOSITORY, StartFailed, binary, clean_environment

BODY = b"sealed under a key that somebody else keeps" * 1000


@pytest.fixture(scope="module")
def server(make_server, proxy):
    """A server whose CMKs are kept by the service, unless they say otherwise."""
    server = make_server(start=False)
    configure(server, 'kms_default_provider = "cloud"', aws_settings(server, "cloud", proxy.url))
    return server.start()


def put(s3, bucket, key, cmk=None, **more):
    extra = {"SSEKMSKeyId": cmk} if cmk else {}
    return s3.put_object(Bucket=bucket, Key=key, Body=BODY, ServerSideEncryption="aws:kms", **extra, **more)


def get(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.timeout(1500)
def test_conformance_of_the_provider_against_moto(moto):
    """The suite that every provider runs, by cargo, with the same features as the rest of the workspace."""
    env = clean_environment(STRONGROOM_TEST_AWS_KMS=f"{moto.url} {AWS_ACCESS_KEY} {AWS_SECRET_KEY}")
    command = ["cargo", "test", "--workspace", "--locked", "--test", "services", "--", "aws_kms"]
    before = len(moto.keys())
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=1400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert len(moto.keys()) > before, "it did run"


def test_a_new_cmk_is_a_key_at_the_service_that_names_it(moto, kms):
    before = moto.keys()
    made = kms.create_key(Description="invoices")["KeyMetadata"]
    (arn,) = set(moto.keys()) - set(before)
    tags = {t["TagKey"]: t["TagValue"] for t in moto.client().list_resource_tags(KeyId=arn)["Tags"]}
    assert tags == {"strongroom:cmk": made["KeyId"], "strongroom:version": "1"}
    assert made["CustomKeyStoreId"] == "cloud"


def test_two_calls_to_write_and_one_to_read_and_none_for_the_rest(proxy, s3, bucket, cmk):
    proxy.taken()
    put(s3, bucket, "one", cmk)
    assert proxy.taken() == ["Encrypt", "Decrypt"], "wrapped, and verified before it is acknowledged"
    assert get(s3, bucket, "one") == BODY
    assert proxy.taken() == ["Decrypt"]
    s3.list_objects_v2(Bucket=bucket)
    s3.head_object(Bucket=bucket, Key="one")
    s3.delete_object(Bucket=bucket, Key="one")
    s3.put_object(Bucket=bucket, Key="plain", Body=BODY)
    assert get(s3, bucket, "plain") == BODY
    assert proxy.taken() == []


def test_a_bucket_key_costs_two_calls_once(proxy, s3, bucket, cmk):
    proxy.taken()
    for number in range(5):
        put(s3, bucket, f"{number}", cmk, BucketKeyEnabled=True)
    assert proxy.taken() == ["Encrypt", "Decrypt"], "wrapped, and verified before anything relies on it"
    assert all(get(s3, bucket, f"{number}") == BODY for number in range(5))
    assert proxy.taken() in ([], ["Decrypt"])


def test_the_service_sees_no_name_of_ours(moto, proxy, s3, kms, bucket, monkeypatch):
    seen = []
    hand_on = proxy._hand_on
    monkeypatch.setattr(proxy, "_hand_on", lambda request, body: (seen.append(body), hand_on(request, body))[1])
    put(s3, bucket, "a-telling-name", kms.create_key()["KeyMetadata"]["Arn"])
    assert seen and not any(bucket.encode() in body or b"a-telling-name" in body for body in seen)
    assert any(b"strongroom:binding" in body for body in seen)


def test_direct_encryption_of_any_size_comes_back(kms, cmk):
    for size in (1, 32, 4096):
        plain = os.urandom(size)
        sealed = kms.encrypt(KeyId=cmk, Plaintext=plain, EncryptionContext={"a": "b"})["CiphertextBlob"]
        assert plain not in sealed or size == 1
        assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == plain
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "c"})


def test_a_key_that_exists_is_taken_up_and_left_alone(moto, s3, kms, bucket):
    theirs = moto.client().create_key(Description="theirs")["KeyMetadata"]["Arn"]
    before = set(moto.keys())
    cmk = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId="cloud", XksKeyId=theirs)["KeyMetadata"]["Arn"]
    again = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": "cloud", "XksKeyId": theirs}
    keys.refused(kms.create_key, "ConflictException", **again)
    assert set(moto.keys()) == before
    put(s3, bucket, "k", cmk)
    assert get(s3, bucket, "k") == BODY


def test_several_side_by_side(make_server, moto):
    server = make_server(start=False)
    configure(server, aws_settings(server, "one", moto.url), aws_settings(server, "two", moto.url))
    server.start()
    kms, s3 = clients.kms(server), clients.s3(server)
    s3.create_bucket(Bucket="side-by-side")
    before = len(moto.keys())
    for number, store in enumerate(("one", "two", None)):
        extra = {"CustomKeyStoreId": store} if store else {}
        cmk = kms.create_key(**extra)["KeyMetadata"]
        assert cmk.get("CustomKeyStoreId") == store
        put(s3, "side-by-side", f"{number}", cmk["Arn"])
    assert len(moto.keys()) == before + 2
    server.restart()
    assert all(get(s3, "side-by-side", f"{number}") == BODY for number in range(3))


def test_one_call_to_write_where_the_service_is_trusted(make_server, moto):
    proxy = FaultProxy(moto.url)
    server = make_server(start=False)
    settings = aws_settings(server, "cloud", proxy.url, verify_wraps="bucket-keys")
    configure(server, 'kms_default_provider = "cloud"', settings).start()
    s3 = clients.s3(server)
    s3.create_bucket(Bucket="verified")
    put(s3, "verified", "first")
    proxy.taken()
    put(s3, "verified", "k")
    assert proxy.taken() == ["Encrypt"]
    proxy.stop()


def test_calls_are_counted_on_the_metrics_page(server, s3, bucket, cmk):
    before = server.counted("strongroom_provider_calls_total", provider="cloud", call="wrap", outcome="ok")
    put(s3, bucket, "k", cmk)
    assert server.counted("strongroom_provider_calls_total", provider="cloud", call="wrap", outcome="ok") == before + 1
    assert server.counted("strongroom_provider_call_microseconds_total", provider="cloud", call="wrap") > 0
    assert server.metrics()["strongroom_provider_up|provider=cloud"] == 1
    assert server.metrics()["strongroom_provider_breaker|provider=cloud"] == 0
    assert requests.get(f"{server.control()}/health/ready", timeout=5).json() == {"status": "ready"}


def test_a_provider_that_is_gone_from_the_settings_takes_its_objects_with_it(make_server, moto):
    server = make_server(start=False)
    configure(server, aws_settings(server, "cloud", moto.url)).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    s3.create_bucket(Bucket="gone")
    put(s3, "gone", "k", kms.create_key(CustomKeyStoreId="cloud")["KeyMetadata"]["Arn"])
    assert server.stop() == 0
    settings = (server.data / "strongroom.toml").read_text()
    configure(server, "").start()
    with pytest.raises(s3.exceptions.ClientError) as refused:
        get(s3, "gone", "k")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert s3.head_object(Bucket="gone", Key="k")["ContentLength"] == len(BODY)
    assert server.stop() == 0
    configure(server, settings).start()
    assert get(s3, "gone", "k") == BODY


@pytest.mark.parametrize(
    "texts, says",
    [
        (['kms_default_provider = "cloud"'], "there is no [provider.cloud]"),
        (['[provider.embedded]\nkind = "vault"'], "`embedded` is taken"),
        (['[provider.c]\nkind = "aws-kms"\nregion = "r"\naccess_key = "a"'], "`secret_file` or `secret_env`"),
        (['[provider.c]\nkind = "aws-kms"\nregion = "r"\naccess_key = "a"\nsecret_key = "s"'], "no setting `secret_key`"),
        (['[provider.c]\nkind = "vault"\ntoken_env = "NOWHERE"'], "`endpoint` is required"),
        (
            ['[provider.c]\nkind = "vault"\nendpoint = "https://v"\ntoken_env = "NOWHERE"'],
            "variable NOWHERE is not set",
        ),
    ],
)
def test_settings_that_cannot_work_stop_the_start(make_server, texts, says):
    server = configure(make_server(start=False), *texts)
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert says in failed.value.stderr and failed.value.code != 0


def test_a_secret_open_to_others_or_plain_http_elsewhere_stops_the_start(make_server):
    server = make_server(start=False)
    settings = {"kind": "vault", "endpoint": "http://127.0.0.1:1"}
    path = private_file(server.directory, "token", "hvs.a-token-of-the-tests")
    path.chmod(0o640)
    configure(server, table("bao", {**settings, "token_file": str(path)}))
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert "chmod 600" in failed.value.stderr
    path.chmod(0o600)
    configure(server, table("bao", {"kind": "vault", "endpoint": "http://vault.example.com", "token_file": str(path)}))
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert "plain http is for loopback only" in failed.value.stderr


def test_config_explains_providers(tmp_path):
    run = [binary(), "config", "--data", tmp_path]
    shown = subprocess.run(run, capture_output=True, text=True, env=clean_environment()).stdout
    assert "[provider.NAME]" in shown and "kms_default_provider" in shown
    (tmp_path / "strongroom.toml").write_text('[provider.bao]\nkind = "vault"\nmount = "team"\n')
    shown = subprocess.run(run, capture_output=True, text=True, env=clean_environment()).stdout
    assert '[provider.bao]' in shown and 'mount = "team"' in shown and "access_key" not in shown
