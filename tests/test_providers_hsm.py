"""CMKs in a PKCS#11 token: SoftHSM2."""

import os
import re
import subprocess

import pytest
from botocore.exceptions import ClientError

from harness import clients
from harness.providers import configure, private_file, suite
from harness.server import StartFailed, binary, clean_environment
from harness.softhsm import PIN, Token, module

BODY = b"sealed under a key that never left its token" * 1000


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    return Token(tmp_path_factory.mktemp("hsm"))


@pytest.fixture(scope="module")
def server(make_server, token):
    server = make_server(start=False, env=token.env)
    configure(server, 'kms_default_provider = "hsm"', token.settings())
    return server.start()


def test_conformance_of_the_provider(token):
    """The suite that every provider runs, by cargo, with the same features as the rest of the workspace."""
    said = f"{module()} {PIN} {token.label}"
    before = token.objects()
    done = suite("pkcs11", STRONGROOM_TEST_PKCS11=said, **token.env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert token.objects() > before, "it did run"


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
    assert re.search(r"User PIN init\.:\s+yes", shown.stdout), shown.stdout


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


def test_the_root_key_lies_wrapped_by_the_token_and_can_move_there(make_server, tmp_path):
    """First start with the token, restart, a change of the root key; then a file's root key moved into the token."""
    token = Token(tmp_path)
    said = [
        "--root-token-module", str(module()), "--root-token-label", token.label,
        "--root-token-pin-file", str(private_file(tmp_path, "root.pin", PIN)),
    ]  # fmt: skip
    for source in ("token", "file"):
        server = make_server(*said, "--root-key-source", source, env=token.env)
        s3, kms = clients.s3(server), clients.kms(server)
        s3.create_bucket(Bucket="rooted")
        cmk = kms.create_key()["KeyMetadata"]["Arn"]
        s3.put_object(Bucket="rooted", Key="k", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
        before = (server.data / f"root.{'token' if source == 'token' else 'key'}").read_bytes()
        rewrap(server, token)
        assert not (server.data / "root.key").exists(), "nothing in clear beside the token"
        assert (server.data / "root.token").read_bytes() != before and len(before) in (65, 74)
        server.arguments[server.arguments.index("--root-key-source") + 1] = "token"
        server.restart()
        assert s3.get_object(Bucket="rooted", Key="k")["Body"].read() == BODY
        assert server.stop() == 0
        token.store.rename(tmp_path / "taken-out")
        token.store.mkdir()
        with pytest.raises(StartFailed) as locked:
            server.start()
        assert token.label in locked.value.stderr
        token.store.rmdir()
        (tmp_path / "taken-out").rename(token.store)
        server.start()
        assert s3.get_object(Bucket="rooted", Key="k")["Body"].read() == BODY


def rewrap(server, token):
    env = clean_environment(
        STRONGROOM_ACCESS_KEY=server.access_key, STRONGROOM_SECRET_KEY=server.secret_key, **token.env
    )  # fmt: skip
    command = [binary(), "kms", "root", "rewrap", "--to", "token", "--control", server.control(tls=True)]
    done = subprocess.run([*command, "--ca", server.ca], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
