"""Accounts, users, roles and sessions for tests, made as an administrator makes them: through the IAM API, as the root
identity of the server's first account or of another one."""

import json
from dataclasses import dataclass

from . import clients


@dataclass(frozen=True)
class Account:
    """An account and the access key of its root identity. Also stands in for a server where only keys are asked for."""

    id: str
    number: str
    name: str
    access_key: str
    secret_key: str

    @property
    def credentials(self):
        return self.access_key, self.secret_key


def document(*statements, version="2012-10-17") -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(actions, resources="*", **more) -> dict:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions, resources="*", **more) -> dict:
    """A statement that denies."""
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **more}


def trust(*principals, **more) -> str:
    """A trust policy: who of these may assume the role."""
    return document({
        "Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole", **more
    })  # fmt: skip


def make_user(server, name, policy=None, as_root=None) -> tuple:
    """Makes a user with an access key and, if given, an inline policy (a document, or a list of statements). `as_root`:
    the credentials of the account's root identity; without them the server's own. Returns access key and secret."""
    iam = clients.iam(server, as_root)
    iam.create_user(UserName=name)
    if policy is not None:
        text = policy if isinstance(policy, str) else document(*policy)
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=text)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def make_role(server, name, trusted, policy=None, as_root=None, **more) -> str:
    """Makes a role that `trusted` (a document, or ARNs) may assume. Returns its ARN."""
    iam = clients.iam(server, as_root)
    text = trusted if isinstance(trusted, str) else trust(*trusted)
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=text, **more)["Role"]["Arn"]
    if policy is not None:
        text = policy if isinstance(policy, str) else document(*policy)
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=text)
    return arn


def assume(server, credentials, arn, session="a-session", **more) -> tuple:
    """Assumes a role. Returns access key, secret and token."""
    return of_reply(clients.sts(server, credentials).assume_role(RoleArn=arn, RoleSessionName=session, **more))


def of_reply(reply) -> tuple:
    """The credentials in a reply of STS."""
    made = reply["Credentials"]
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def s3(server, credentials, **options):
    """A boto3 S3 client with these credentials."""
    access_key, secret_key, *token = credentials
    return clients.s3(
        server, access_key=access_key, secret_key=secret_key, session_token=token[0] if token else None, **options
    )


def make_account(server, name, **options) -> Account:
    """Makes an account with the command line, as the operator."""
    extra = [part for option, value in options.items() for part in (f"--{option.replace('_', '-')}", value)]
    done = clients.strongroom(
        server, "account", "create", "--name", name, *extra, "--json",
        "--control", server.control(True), "--ca", server.ca,
    )  # fmt: skip
    made = json.loads(done.stdout)
    return Account(made["id"], made["number"], made["name"], made["root_access_key"], made["root_secret_key"])
