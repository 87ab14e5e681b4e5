"""DESIGN's table "when parts fail" for a key provider outside: slow, down, throttling, answering with garbage, half answers
or another key's data. Whatever it does, nobody gets a wrong key or a wrong byte, what needs no key goes on, and when the
service is itself again, so is the server."""

import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from encryption_rows import begin, send_part, write
from test_sse_rules import Dialect, expect

from harness import clients
from harness.providers import FaultProxy, aws_settings, configure, wait_until
from harness.sse import CustomerKey

BODY = b"\x00\x01needs a key that is elsewhere" * 5000


@pytest.fixture(scope="module")
def server(make_server, proxy):
    server = make_server("--bucket-key-ttl-seconds", "5", start=False)
    settings = aws_settings(server, "cloud", proxy.url, timeout_ms=4000, tries_max=2, probe_interval_seconds=1)
    return configure(server, 'kms_default_provider = "cloud"', settings).start()


@pytest.fixture(scope="module", autouse=True)
def two_keys(server):
    """What the service says of one key can be given in place of what it says of the other."""
    return [clients.kms(server).create_key()["KeyMetadata"]["Arn"] for _ in range(2)]


@pytest.fixture(autouse=True)
def healthy(request):
    """Each test begins and ends with a service that works and a server that knows it."""
    yield
    if "proxy" in request.fixturenames and "server" in request.fixturenames:
        request.getfixturevalue("proxy").be("pass")
        server = request.getfixturevalue("server")
        wait_until(lambda: ready(server)[0] == 200, "the server is ready again")


def ready(server):
    reply = requests.get(f"{server.control()}/health/ready", timeout=5)
    return reply.status_code, reply.json()


def put(s3, bucket, key, cmk, **more):
    s3.put_object(Bucket=bucket, Key=key, Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=cmk, **more)


def get(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def status_of(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


@pytest.mark.parametrize("fault", FaultProxy.FAULTS)
def test_what_needs_the_key_is_refused_and_the_rest_goes_on(proxy, server, s3, bucket, cmk, fault):
    customer = CustomerKey()
    put(s3, bucket, "sealed", cmk)
    s3.put_object(Bucket=bucket, Key="plain", Body=BODY)
    proxy.be(fault)
    assert status_of(get, s3, bucket, "sealed") == 503
    assert status_of(put, s3, bucket, "new", cmk) == 503
    assert status_of(s3.head_object, Bucket=bucket, Key="new") == 404, "nothing half-written"
    assert s3.head_object(Bucket=bucket, Key="sealed")["ContentLength"] == len(BODY)
    assert {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]} >= {"sealed", "plain"}
    assert get(s3, bucket, "plain") == BODY
    s3.put_object(Bucket=bucket, Key="ssec", Body=BODY, **customer.arguments())
    assert get(s3, bucket, "ssec", **customer.arguments()) == BODY
    s3.put_object(Bucket=bucket, Key="sse-s3", Body=BODY, ServerSideEncryption="AES256")
    assert get(s3, bucket, "sse-s3") == BODY
    s3.delete_object(Bucket=bucket, Key="plain")

    proxy.be("pass")
    wait_until(lambda: status_of(get, s3, bucket, "sealed") == 200, "it reads again by itself")
    assert get(s3, bucket, "sealed") == BODY
    wait_until(lambda: status_of(put, s3, bucket, "new", cmk) == 200, "it writes again by itself")
    assert get(s3, bucket, "new") == BODY


@pytest.mark.parametrize("bucket_key", [False, True])
@pytest.mark.parametrize("fault", FaultProxy.EXCHANGES)
def test_what_is_acknowledged_opens_although_the_service_mixes_keys_up(proxy, server, s3, bucket, two_keys, fault, bucket_key):
    """Real wraps and real keys of the other CMK: nothing that was taken is lost, and nothing opens under the wrong key."""
    for n, cmk in enumerate(two_keys):
        put(s3, bucket, f"before/{n}", cmk)
    exchanged = proxy.exchanged
    proxy.be(fault)
    for n, cmk in enumerate(two_keys):
        assert status_of(put, s3, bucket, f"new/{n}", cmk, BucketKeyEnabled=bucket_key) == 503
        assert status_of(s3.head_object, Bucket=bucket, Key=f"new/{n}") == 404, "nothing half-written"
        # Only what is asked to be unwrapped can be mixed up in reading.
        assert status_of(get, s3, bucket, f"before/{n}") == (200 if fault == "another-wrap" else 503)
    assert proxy.exchanged >= exchanged + 2, "it was another key's"
    proxy.be("pass")
    for n in range(2):
        wait_until(lambda n=n: status_of(get, s3, bucket, f"before/{n}") == 200, "it reads again by itself")
        assert get(s3, bucket, f"before/{n}") == BODY


def test_who_does_not_have_every_wrap_tried_may_lose_what_was_acknowledged(make_server, moto):
    """Why that is not the default (docs/decisions/0008-every-wrap-is-tried.md)."""
    proxy = FaultProxy(moto.url)
    server = make_server(start=False)
    configure(server, aws_settings(server, "trusted", proxy.url, verify_wraps="bucket-keys")).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    mine, _ = (kms.create_key(CustomKeyStoreId="trusted")["KeyMetadata"]["Arn"] for _ in range(2))
    s3.create_bucket(Bucket="trusting")
    proxy.be("another-wrap")
    put(s3, "trusting", "lost", mine)
    assert proxy.exchanged == 1
    assert status_of(put, s3, "trusting", "k", mine, BucketKeyEnabled=True) == 503, "bucket keys are tried all the same"
    proxy.be("pass")
    assert status_of(get, s3, "trusting", "lost") == 500, "lost, as if it were damaged; and never a wrong byte"
    proxy.stop()


@pytest.mark.parametrize("fault", FaultProxy.FAULTS)
def test_in_obs_a_service_that_fails_is_503(proxy, server, bucket, cmk, fault):
    """To be tried again, in OBS's words as well: reads, writes, copies, uploads and their parts (obs-api §4.8)."""
    d = Dialect("obs")
    kms = {d.method: "kms", d.key_id: cmk.rsplit("/", 1)[1]}
    expect(d.send(server, "PUT", bucket, "sealed", BODY, kms), 200)
    expect(d.send(server, "PUT", bucket, "plain", BODY), 200)
    upload = begin(server, d, bucket, kms)
    proxy.be(fault)
    asked = {
        "get": lambda: d.send(server, "GET", bucket, "sealed"),
        "copy from": lambda: d.send(server, "PUT", bucket, "new", headers=d.copy_source(bucket, "sealed")),
        "part": lambda: send_part(server, d, bucket, upload, {}),
    }
    if fault != "another":
        # A wrap that is garbage looks like any other.
        asked["put"] = lambda: d.send(server, "PUT", bucket, "new", BODY, kms)
        asked["copy"] = lambda: d.send(server, "PUT", bucket, "new", headers=d.copy_source(bucket, "plain") | kms)
        asked["initiate"] = lambda: write(server, d, "initiate", bucket, kms)
    for what, ask in asked.items():
        reply = ask()
        assert (reply.status, reply.code in ("ServiceUnavailable", "SlowDown")) == (503, True), (what, reply)
    assert d.send(server, "HEAD", bucket, "new").status == 404, "nothing half-written"
    # What needs no key is done.
    assert expect(d.send(server, "HEAD", bucket, "sealed"), 200).headers[d.method] == "kms"
    assert expect(d.send(server, "GET", bucket, "plain"), 200).body == BODY
    proxy.be("pass")
    wait_until(lambda: d.send(server, "GET", bucket, "sealed").status == 200, "it reads again by itself")
    assert d.send(server, "GET", bucket, "sealed").body == BODY


@pytest.mark.parametrize("fault", FaultProxy.FAULTS)
def test_no_bucket_key_is_used_that_the_service_could_not_give_back(proxy, server, s3, bucket, kms, fault):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    proxy.be(fault)
    assert status_of(put, s3, bucket, "k", cmk, BucketKeyEnabled=True) == 503
    proxy.be("pass")
    wait_until(lambda: status_of(put, s3, bucket, "k", cmk, BucketKeyEnabled=True) == 200, "it writes again by itself")
    assert get(s3, bucket, "k") == BODY


def test_what_is_cached_serves_its_time_and_not_longer(proxy, server, s3, bucket, kms):
    cmk = kms.create_key()["KeyMetadata"]["Arn"]
    put(s3, bucket, "before", cmk, BucketKeyEnabled=True)
    assert get(s3, bucket, "before") == BODY
    proxy.be("down")
    put(s3, bucket, "meanwhile", cmk, BucketKeyEnabled=True)
    assert get(s3, bucket, "before") == BODY and get(s3, bucket, "meanwhile") == BODY
    wait_until(lambda: status_of(put, s3, bucket, "later", cmk, BucketKeyEnabled=True) == 503, "the bucket key has ended")
    wait_until(lambda: status_of(get, s3, bucket, "before") == 503, "the cached unwrap has ended")
    proxy.be("pass")
    wait_until(lambda: status_of(get, s3, bucket, "meanwhile") == 200, "it reads again by itself")
    assert get(s3, bucket, "before") == BODY and get(s3, bucket, "meanwhile") == BODY


def test_a_dead_service_is_left_alone_and_found_again(proxy, server, s3, bucket, cmk):
    put(s3, bucket, "k", cmk)
    proxy.be("down")
    wait_until(
        lambda: status_of(get, s3, bucket, "k") == 503
        and server.metrics()["strongroom_provider_breaker|provider=cloud"] > 0,
        "the breaker opens",
    )
    not_sent = server.counted("strongroom_provider_calls_total", provider="cloud", outcome="not_sent")
    proxy.taken()
    refused = 0
    while refused < 200:
        assert status_of(get, s3, bucket, "k") == 503
        refused += 1
    assert len(proxy.taken()) < refused / 2, "most requests are answered without a call"
    assert server.counted("strongroom_provider_calls_total", provider="cloud", outcome="not_sent") > not_sent
    proxy.be("pass")
    wait_until(lambda: server.metrics()["strongroom_provider_breaker|provider=cloud"] == 0, "the probe closes it")
    assert get(s3, bucket, "k") == BODY


@pytest.mark.parametrize("fault", [fault for fault in FaultProxy.FAULTS if fault != "throttling"])
def test_readiness_follows_the_default_provider_and_liveness_does_not(proxy, server, s3, bucket, cmk, fault):
    proxy.be(fault)
    wait_until(lambda: ready(server)[0] == 503, "the server is not ready")
    assert ready(server)[1] == {"status": "not ready", "without": ["cloud"]}
    assert server.metrics()["strongroom_provider_up|provider=cloud"] == 0
    assert requests.get(f"{server.control()}/health/live", timeout=5).status_code == 200
    proxy.be("pass")
    wait_until(lambda: ready(server) == (200, {"status": "ready"}), "it is ready again by itself")


def test_another_provider_than_the_default_only_lowers_readiness(make_server, moto):
    proxy = FaultProxy(moto.url)
    server = make_server(start=False)
    settings = aws_settings(server, "other", proxy.url, probe_interval_seconds=1, timeout_ms=4000)
    configure(server, settings).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    kms.create_key(CustomKeyStoreId="other")
    proxy.be("down")
    wait_until(lambda: ready(server) == (200, {"status": "degraded", "without": ["other"]}), "it is shown")
    s3.create_bucket(Bucket="embedded")
    s3.put_object(Bucket="embedded", Key="k", Body=BODY, ServerSideEncryption="aws:kms")
    assert get(s3, "embedded", "k") == BODY, "the embedded provider knows nothing of it"
    proxy.be("pass")
    wait_until(lambda: ready(server) == (200, {"status": "ready"}), "it is back")
    proxy.stop()


def test_the_server_starts_while_the_service_is_down(make_server, moto):
    proxy = FaultProxy(moto.url)
    server = make_server(start=False)
    settings = aws_settings(server, "other", proxy.url, timeout_ms=4000)
    configure(server, settings).start()
    kms, s3 = clients.kms(server), clients.s3(server)
    cmk = kms.create_key(CustomKeyStoreId="other")["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="restarted")
    put(s3, "restarted", "k", cmk)
    proxy.be("down")
    server.restart()
    assert status_of(get, s3, "restarted", "k") == 503
    proxy.be("pass")
    wait_until(lambda: status_of(get, s3, "restarted", "k") == 200, "it reads without another restart")
    assert get(s3, "restarted", "k") == BODY
    proxy.stop()


def test_no_cmk_comes_of_a_service_that_cannot_keep_one(proxy, server, kms):
    name = f"alias/{uuid.uuid4()}"
    for fault in FaultProxy.FAULTS:
        proxy.be(fault)
        assert status_of(kms.create_key, Description=name) in (400, 500, 503), fault
    proxy.be("pass")
    described = [kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"]["Description"] for k in kms.list_keys()["Keys"]]
    assert name not in described
