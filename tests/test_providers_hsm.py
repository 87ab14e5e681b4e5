"""CMKs in a PKCS#11 token: SoftHSM2."""

import os
import subprocess

import pytest
from botocore.exceptions import ClientError

from harness import clients
from harness.providers import configure, private_file
from harness.server import StartFailed
from harness.softhsm import Token

BODY = b"sealed under a key that never left its token" * 1000


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    return Token(tmp_path_factory.mktemp("hsm"))


@pytest.fixture(scope="module")
def server(make_server, token):
    server = make_server(start=False, env=token.env)
    configure(server, 'kms_default_provider = "hsm"', token.settings())
    return server.start()


def test_objects_open_with_the_token_and_after_a_restart(server, token, s3, kms, bucket):
    before = token.objects()
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    assert token.objects() == before + 1, "one key, made in the token"
    for name, more in [("direct", {}), ("bucket-key", {"BucketKeyEnabled": True})]:
        s3.put_object(
            Bucket=bucket, Key=name, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, **more
        )  # fmt: skip
    sealed = kms.encrypt(KeyId=cmk, Plaintext=b"x" * 4096)["CiphertextBlob"]
    server.restart()
    for name in ("direct", "bucket-key"):
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == BODY
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x" * 4096


def test_rotation_makes_another_key_and_the_old_one_opens(token, kms):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = kms.encrypt(KeyId=cmk, Plaintext=b"before")["CiphertextBlob"]
    before = token.objects()
    kms.rotate_key_on_demand(KeyId=cmk)
    assert token.objects() == before + 1
    again = kms.encrypt(KeyId=cmk, Plaintext=b"before")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"before"
    assert again["CiphertextBlob"][20:24] == b"\0\0\0\2", "wrapped by the second version"


def test_what_was_wrapped_elsewhere_does_not_open(kms):
    one, two = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    sealed = bytearray(kms.encrypt(KeyId=one, Plaintext=b"secret")["CiphertextBlob"])
    sealed[-1] ^= 1
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=bytes(sealed))
    sealed[-1] ^= 1
    with pytest.raises(kms.exceptions.IncorrectKeyException):
        kms.decrypt(CiphertextBlob=bytes(sealed), KeyId=two)


def test_a_key_that_could_leave_the_token_is_not_taken_up(token, kms):
    with pytest.raises(ClientError) as refused:
        kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId="hsm", XksKeyId="no such label")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 500)


def test_a_wrong_pin_is_shown_once_and_named(make_server, tmp_path):
    token = Token(tmp_path)
    server = make_server(start=False, env=token.env)
    configure(server, token.settings(pin_file=str(private_file(tmp_path, "wrong", "not-the-pin-0123456789"))))
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert "vault one" in failed.value.stderr and "not-the-pin" not in failed.value.stderr
    with open(tmp_path / "pin", "rb") as pin:
        assert pin.read(), "the right one is untouched"
    shown = subprocess.run(
        ["softhsm2-util", "--show-slots"], env=os.environ | token.env, capture_output=True, text=True, check=False
    )
    assert "PIN initialized:  yes" in shown.stdout


def test_objects_of_other_cmks_open_without_the_token(make_server, tmp_path):
    token = Token(tmp_path)
    server = make_server(start=False, env=token.env)
    configure(server, token.settings())
    server.start()
    s3, kms = clients.s3(server), clients.kms(server)
    s3.create_bucket(Bucket="two-keys")
    for name, more in [("own", {}), ("hsm", {"CustomKeyStoreId": "hsm"})]:
        cmk = kms.create_key(**more)["KeyMetadata"]["Arn"]
        s3.put_object(Bucket="two-keys", Key=name, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    assert server.stop() == 0
    token.store.rename(tmp_path / "taken-out")
    token.store.mkdir()
    server.start()
    assert s3.get_object(Bucket="two-keys", Key="own")["Body"].read() == BODY
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket="two-keys", Key="hsm")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="two-keys")["Contents"]] == ["hsm", "own"]
