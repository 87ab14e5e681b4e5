"""Huawei's SDK clients for the control address, and its signature by hand: written from the published algorithm, apart
from the server's code and from the SDK."""

import hashlib
import hmac
import json
from urllib.parse import quote, unquote

import huaweicloudsdkiam.v3 as v3
import huaweicloudsdkiam.v5 as v5
import huaweicloudsdkkms.v2 as kms2
import huaweicloudsdksts.v1 as sts1
import requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials, Credentials, GlobalCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from obs import ObsClient

from .server import DOMAIN, REGION
from .signing import amz_date


def credentials(server, keys=None, basic=False):
    """Credentials of the SDK: without project or domain, so that the SDK asks the server for them."""
    access_key, secret_key, *token = keys or (server.access_key, server.secret_key)
    made = (BasicCredentials if basic else GlobalCredentials)(access_key, secret_key)
    made.iam_endpoint = server.control(True)
    made.sts_endpoint = server.control(True)
    if token:
        made.with_security_token(token[0])
    Credentials._CACHE.clear()
    return made


def client(server, kind, keys=None, basic=False, made=None, region=REGION):
    config = HttpConfig(ssl_ca_cert=str(server.ca), timeout=60, retry_times=0)
    builder = kind.new_builder().with_http_config(config)
    builder = builder.with_credentials(made or credentials(server, keys, basic))
    return builder.with_region(Region(region, server.control(True))).build()


def iam(server, keys=None, **more) -> v3.IamClient:
    return client(server, v3.IamClient, keys, **more)


def iam5(server, keys=None, **more) -> v5.IamClient:
    return client(server, v5.IamClient, keys, **more)


def sts(server, keys=None, **more) -> sts1.StsClient:
    return client(server, sts1.StsClient, keys, basic=True, **more)


def kms(server, keys=None, project=None) -> kms2.KmsClient:
    """A client of the KMS, scoped to the account's default project unless another one's id is given."""
    made = credentials(server, keys, basic=True)
    if project:
        made.with_project_id(project)
    return client(server, kms2.KmsClient, made=made)


def ask(client, operation, path=None, **body):
    """Calls an operation of the KMS by its SDK's name: `path` goes into the request, the rest into its body."""
    name = "".join(word.capitalize() for word in operation.split("_"))
    request = getattr(kms2, f"{name}Request")(**path or {})
    if "body" in request.openapi_types:
        request.body = getattr(kms2, request.openapi_types["body"])(**body)
    return getattr(client, operation)(request)


def identity_token(server, keys, domain, user, password, project=None):
    """An identity token of a user, scoped to a project (an id) or to the account."""
    identity = {"methods": ["password"], "password": {"user": {
        "name": user, "password": password, "domain": {"name": domain}}}}  # fmt: skip
    scope = {"project": {"id": project}} if project else {"domain": {"name": domain}}
    reply = call(server, "POST", "/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
    assert reply.status_code == 201, reply.text
    return reply.headers["X-Subject-Token"]


def obs(server, keys):
    """An OBS client with these keys, of which the third is the token of temporary ones."""
    access_key, secret_key, *token = keys
    return ObsClient(
        access_key_id=access_key, secret_access_key=secret_key, security_token=token[0] if token else None,
        server=server.objects(True, host=DOMAIN), signature="obs", region=REGION, path_style=False,
        is_signature_negotiation=False, ssl_verify=str(server.ca), max_retry_count=0, timeout=60,
    )  # fmt: skip


def authorization(method, path, query, headers, body, access_key, secret_key, unsigned=(), signed=None):
    """The `Authorization` of a request; `headers` must hold everything that is signed, `Host` included."""
    lower = {k.lower(): str(v).strip() for k, v in headers.items()}
    names = signed or sorted(set(lower) - {n.lower() for n in unsigned})
    encoded = "/".join(quote(part, safe="~") for part in unquote(path).split("/"))
    pairs = sorted((unquote(n), unquote(v)) for n, _, v in (p.partition("=") for p in query.split("&") if p))
    canonical = "\n".join([
        method,
        encoded if encoded.endswith("/") else encoded + "/",
        "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in pairs),
        "".join(f"{name}:{lower.get(name, '')}\n" for name in names),
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    ])  # fmt: skip
    to_sign = f"SDK-HMAC-SHA256\n{lower.get('x-sdk-date', '')}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={';'.join(names)}, Signature={signature}"


def call(server, method, target, body=None, keys=None, token=None, headers=None, unsigned=(), alter=None, tls=True):
    """A request by hand: signed with `keys` (access key, secret and perhaps token), with an identity token, or with
    neither. `unsigned` headers are sent but not signed; `alter` may change headers after signing."""
    path, _, query = target.partition("?")
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Host": f"127.0.0.1:{server.control_port}", "Content-Type": "application/json;charset=utf-8"}
    sent |= headers or {}
    if token:
        sent["X-Auth-Token"] = token
    if keys:
        access_key, secret_key, *session = keys
        sent.setdefault("X-Sdk-Date", amz_date())
        if session:
            sent["X-Security-Token"] = session[0]
        sent["Authorization"] = authorization(method, path, query, sent, data, access_key, secret_key, unsigned)
    if alter:
        alter(sent)
    return requests.request(
        method, server.control(tls) + target, data=data, headers=sent, verify=str(server.ca), timeout=60
    )
