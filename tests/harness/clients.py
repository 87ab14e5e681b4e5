"""Clients as users have them: boto3, the OBS SDK, the AWS command line."""

import subprocess
import sys
from pathlib import Path

import boto3
import botocore.client
from obs import ObsClient

from .server import DOMAIN, REGION, REPOSITORY, clean_environment

OBS_PLAINTEXT_MD5_RETRIES = 1


def s3(
    server, tls=True, virtual_hosted=False, signature="s3v4", access_key=None, secret_key=None, retries=0,
    session_token=None,
):  # fmt: skip
    """A boto3 S3 client. Virtual-hosted requests go to names below the tests' domain."""
    config = botocore.client.Config(
        signature_version=signature,
        s3={"addressing_style": "virtual" if virtual_hosted else "path"},
        retries={"total_max_attempts": retries + 1},
        read_timeout=120,
        max_pool_connections=32,
    )
    return boto3.client(
        "s3",
        endpoint_url=server.objects(tls, host=DOMAIN if virtual_hosted else "127.0.0.1"),
        region_name=REGION,
        aws_access_key_id=access_key or server.access_key,
        aws_secret_access_key=secret_key or server.secret_key,
        aws_session_token=session_token,
        verify=str(server.ca) if tls else None,
        config=config,
    )


def kms(server, tls=True):
    """A boto3 KMS client for the control address."""
    return boto3.client(
        "kms",
        endpoint_url=server.control(tls),
        region_name=REGION,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        verify=str(server.ca) if tls else None,
        config=botocore.client.Config(retries={"total_max_attempts": 1}),
    )


def iam(server, credentials=None, tls=True):
    """A boto3 IAM client for the control address. `credentials`: access key, secret and, of a session, its token."""
    return _query_api("iam", server, credentials, server.control(tls), tls)


def sts(server, credentials=None, tls=True, data_plane=False):
    """A boto3 STS client, for the control address or the address of buckets and objects."""
    return _query_api("sts", server, credentials, server.objects(tls) if data_plane else server.control(tls), tls)


def _query_api(service, server, credentials, endpoint, tls):
    access_key, secret_key, *token = credentials or (server.access_key, server.secret_key)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=token[0] if token else None,
        verify=str(server.ca) if tls else None,
        # What is wrong, the server is to say.
        config=botocore.client.Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def obs(server, signature="obs", tls=True, virtual_hosted=True):
    """An OBS SDK client. With signature `obs` the endpoint must be a name: on an IP address the SDK turns to AWS style."""
    host = DOMAIN if virtual_hosted else "127.0.0.1"
    return ObsClient(
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        server=server.objects(tls, host=host),
        signature=signature,
        region=REGION,
        path_style=not virtual_hosted,
        is_signature_negotiation=signature == "obs",
        ssl_verify=str(server.ca) if tls else False,
        max_retry_count=0,
        timeout=120,
    )


def aws(server, *arguments, service_control=False, check=True, cwd=None, env=None):
    """Runs the AWS command line against the server over TLS and returns the finished process."""
    command = [str(Path(sys.executable).with_name("aws")), *map(str, arguments)]
    endpoint = server.control(True) if service_control else server.objects(True)
    done = subprocess.run(command, env=aws_environment(server, endpoint, env), cwd=cwd, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


def aws_environment(server, endpoint=None, more=None) -> dict:
    return clean_environment(
        AWS_ENDPOINT_URL=endpoint or server.objects(True),
        AWS_CA_BUNDLE=server.ca,
        AWS_ACCESS_KEY_ID=server.access_key,
        AWS_SECRET_ACCESS_KEY=server.secret_key,
        AWS_DEFAULT_REGION=REGION,
        AWS_PAGER="",
        **(more or {}),
    )


def strongroom(server, *arguments, check=True, env=None):
    """Runs a client subcommand of the binary under test with the server's credentials."""
    from .server import binary

    env = clean_environment(
        STRONGROOM_ACCESS_KEY=server.access_key, STRONGROOM_SECRET_KEY=server.secret_key, **(env or {})
    )
    command = [str(binary()), *map(str, arguments)]
    done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done
