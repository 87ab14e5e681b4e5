"""CMKs at a KMIP server: PyKMIP, over TLS with certificates on both sides."""

import pytest
from botocore.exceptions import ClientError

from harness import clients
from harness.kmip import KmipServer
from harness.providers import configure, suite, wait_until

BODY = b"sealed under a key that its manager keeps" * 1000


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    manager = KmipServer(tmp_path_factory.mktemp("kmip"))
    yield manager
    if manager.process:
        manager.stop()


@pytest.fixture(scope="module")
def server(make_server, manager):
    server = make_server(start=False)
    configure(server, 'kms_default_provider = "kmip"', manager.settings())
    return server.start()


def test_conformance_of_the_provider(manager):
    """The suite that every provider runs, by cargo, with the same features as the rest of the workspace."""
    certificate, key = manager.client
    said = f"127.0.0.1 {manager.port} {manager.authority.path} {certificate} {key}"
    before = manager.log.read_text().count("Processing operation: Create")
    done = suite("kmip", STRONGROOM_TEST_KMIP=said)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert manager.log.read_text().count("Processing operation: Create") > before, "it did run"


def test_objects_open_with_the_manager_and_after_a_restart(server, s3, kms, bucket):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    for name, more in [("direct", {}), ("bucket-key", {"BucketKeyEnabled": True})]:
        s3.put_object(
            Bucket=bucket, Key=name, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, **more
        )  # fmt: skip
    sealed = kms.encrypt(KeyId=cmk, Plaintext=b"x" * 4096, EncryptionContext={"a": "b"})["CiphertextBlob"]
    server.restart()
    for name in ("direct", "bucket-key"):
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == BODY
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"x" * 4096
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "c"})


def test_while_the_manager_is_away_only_what_needs_it_waits(manager, server, s3, kms, bucket):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk)
    manager.stop()
    for attempt in (
        lambda: s3.get_object(Bucket=bucket, Key="k"),
        lambda: s3.put_object(Bucket=bucket, Key="n", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk),
    ):
        with pytest.raises(ClientError) as refused:
            attempt()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    s3.put_object(Bucket=bucket, Key="plain", Body=BODY)
    assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == BODY
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k", "plain"]
    manager.start()

    def opens():
        try:
            return s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
        except ClientError:
            return False

    wait_until(opens, "the object opens again, by itself")


def test_a_server_that_another_authority_signed_is_not_believed(make_server, manager, tmp_path):
    other = KmipServer(tmp_path)
    try:
        server = make_server(start=False)
        configure(server, manager.settings(port=other.port))
        server.start()
        with pytest.raises(ClientError):
            clients.kms(server).create_key(CustomKeyStoreId="kmip")
    finally:
        other.stop()
