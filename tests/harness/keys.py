"""CMKs for tests: clients of the KMS API with anybody's credentials, refusals by code, and material that is brought."""

import json
import os

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError

from . import secrets, signing
from .server import REGION


def client(server, credentials=None, attempts=8):
    """A boto3 KMS client over TLS. `credentials`: access key, secret and, of a session, its token. What is wrong, the
    server is to say: nothing is checked here."""
    access_key, secret_key, *token = credentials or (server.access_key, server.secret_key)
    return boto3.client(
        "kms",
        endpoint_url=server.control(True),
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token[0] if token else None,
        verify=str(server.ca),
        # Over the rate, SDKs try again by themselves; whatever else is wrong, the server is to say.
        config=botocore.client.Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, parameter_validation=False
        ),
    )


def refused(call, wanted, **arguments):
    """The call fails with this exception; returns the error's text."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    told = error.value.response["Error"]
    assert told["Code"] == wanted, error.value
    return told.get("Message", "")


def make(kms, **members):
    """Makes a CMK and returns its metadata."""
    return kms.create_key(**members)["KeyMetadata"]


def state(kms, key):
    return kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


def force_deletion(server, key, days=7):
    """Schedules a CMK's deletion although something needs it. AWS has no word for that, so SDKs cannot say it."""
    headers = {"X-Amz-Target": "TrentService.ScheduleKeyDeletion", "Content-Type": "application/x-amz-json-1.1"}
    body = json.dumps({"KeyId": key, "PendingWindowInDays": days, "ForceDeletion": True}).encode()
    request = signing.Request("POST", "/", [], headers, body)
    signing.sign_v4(request, server, service="kms")
    reply = signing.send(request, server, control=True)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def material(kms, key, clear, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    """Fetches what importing needs and wraps `clear` for it; returns what ImportKeyMaterial takes."""
    from cryptography.hazmat.primitives import hashes, keywrap, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    secrets.note(clear)
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    public = serialization.load_der_public_key(given["PublicKey"])
    assert public.key_size == int(spec.removeprefix("RSA_"))
    hash_ = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()
    oaep = padding.OAEP(padding.MGF1(hash_), hash_, None)
    if algorithm.startswith("RSAES_OAEP"):
        wrapped = public.encrypt(clear, oaep)
    else:
        inner = os.urandom(32)
        wrapped = public.encrypt(inner, oaep) + keywrap.aes_key_wrap_with_padding(inner, clear)
    return {"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": wrapped}
