"""The server as its operator meets it: start, ports, certificates, files, signals, health and metrics."""

import http.client
import re
import signal
import socket
import ssl
import stat
import threading
import time

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import clients, disk, signing
from harness.server import DOMAIN, Server, StartFailed
from harness.sse import MIB, body


def certificate(server, name="127.0.0.1", cafile=None):
    """The certificate that the server shows, verified."""
    context = ssl.create_default_context(cafile=str(cafile or server.ca))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as link:
            return x509.load_der_x509_certificate(link.getpeercert(binary_form=True))


# ---- start ----------------------------------------------------------------------------------------------------------


def test_first_start_makes_a_closed_directory_and_shows_credentials_once(make_server):
    server = make_server(root_credentials=None)
    assert re.fullmatch(r"[A-Z0-9]{16,}", server.access_key) and len(server.secret_key) >= 32
    assert len(clients.s3(server).list_buckets()["Buckets"]) == 0
    secret = server.secret_key
    assert secret not in server.log(), "shown on standard output, not logged"
    server.restart()
    assert secret not in server.stdout and "\n  secret key  " not in server.stdout
    assert len(clients.s3(server).list_buckets()["Buckets"]) == 0, "the credentials stay valid"


def test_file_modes(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=body(MIB), ServerSideEncryption="aws:kms")
    found = disk.modes(server.data)
    assert found["."] == 0o700
    assert found["root.key"] == found["tls/ca.key"] == found["tls/server.key"] == 0o600
    readable = {"tls/ca.crt", "tls/server.crt"}
    for name, mode in found.items():
        assert mode & 0o022 == 0, f"{name} is writable by others: {mode:o}"
        if name not in readable:
            assert mode & 0o077 == 0, f"{name} is open to others: {mode:o}"


def test_root_key_in_another_place(make_server, tmp_path):
    key_file = tmp_path / "elsewhere.key"
    server = make_server("--root-key-file", str(key_file))
    assert re.fullmatch(rb"[0-9a-f]{64}\n", key_file.read_bytes())
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not (server.data / "root.key").exists()


def test_an_open_data_directory_and_an_open_key_are_refused(make_server):
    server = make_server(start=False)
    server.data.mkdir(mode=0o755)
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 1 and "chmod 700" in failed.value.stderr
    server.data.chmod(0o700)
    server.start().stop()
    (server.data / "root.key").chmod(0o640)
    with pytest.raises(StartFailed) as failed:
        server.start()
    assert failed.value.code == 1 and "chmod 600" in failed.value.stderr


def test_a_second_server_on_the_same_directory_is_refused(server, tmp_path):
    # Not by `make_server`, which would remove the directory of both. It ends before it has logged anything.
    second = Server(tmp_path)
    second.data = server.data
    with pytest.raises(StartFailed) as failed:
        second.start()
    assert failed.value.code == 1 and "in use by another server" in failed.value.stderr
    assert clients.s3(server).list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_taken_port_is_told(server, make_server):
    second = make_server("--address", server.addresses["objects"], start=False)
    with pytest.raises(StartFailed) as failed:
        second.start()
    assert failed.value.code in (1, 2) and "address" in failed.value.stderr.lower()


def test_weak_or_half_given_root_credentials_are_refused(make_server):
    for pair in [("STRONGROOMTESTROOT01", "short"), ("x", "a-secret-of-the-tests-0123456789abcdefgh")]:
        server = make_server(start=False, root_credentials=pair)
        with pytest.raises(StartFailed) as failed:
            server.start()
        assert failed.value.code in (1, 2)
        assert pair[1] not in failed.value.stderr
    half = make_server(start=False, root_credentials=None, env={"STRONGROOM_ROOT_ACCESS_KEY": "STRONGROOMTESTROOT01"})
    with pytest.raises(StartFailed) as failed:
        half.start()
    assert "STRONGROOM_ROOT_SECRET_KEY" in failed.value.stderr


def test_given_root_credentials_can_be_changed_at_a_restart(make_server):
    server = make_server()
    old = (server.access_key, server.secret_key)
    clients.s3(server).create_bucket(Bucket="kept-bucket")
    server.stop()
    server.given_credentials = ("ANOTHERROOTKEY000001", "another-secret-0123456789-0123456789abcd")
    server.access_key, server.secret_key = server.given_credentials
    server.start()
    assert [b["Name"] for b in clients.s3(server).list_buckets()["Buckets"]] == ["kept-bucket"]
    with pytest.raises(Exception, match="InvalidAccessKeyId|SignatureDoesNotMatch"):
        clients.s3(server, access_key=old[0], secret_key=old[1]).list_buckets()


# ---- ports and TLS --------------------------------------------------------------------------------------------------


def test_http_and_https_on_each_port(server):
    for control in (False, True):
        for tls in (False, True):
            link = signing.connect(server, tls=tls, control=control)
            link.request("GET", "/health/live" if control else "/")
            assert link.getresponse().status == (200 if control else 403)
            link.close()


def test_a_byte_that_is_neither_tls_nor_http_harms_nobody(server):
    for noise in [b"\x00" * 64, b"\x16\x03\x01", b"\x16" + b"\xff" * 600, b"\x80\x2e\x01\x03", b"SSH-2.0-x\r\n", b"\r\n\r\n"]:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
            link.sendall(noise)
            link.shutdown(socket.SHUT_WR)
            while link.recv(4096):
                pass
    assert requests.get(f"{server.control()}/health/live", timeout=10).status_code == 200


def test_the_certificate_covers_local_names_and_domains(server):
    for name in ["127.0.0.1", "localhost", DOMAIN, f"bucket.{DOMAIN}"]:
        certificate(server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        certificate(server, "other.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        context = ssl.create_default_context()
        context.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost")


def test_old_tls_versions_are_refused(server):
    context = ssl.create_default_context(cafile=str(server.ca))
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost")


def test_a_restart_keeps_the_certificate_and_a_new_domain_replaces_it(make_server):
    server = make_server()
    ca, first = server.ca.read_bytes(), certificate(server)
    server.restart()
    assert certificate(server).serial_number == first.serial_number
    server.stop()
    server.arguments += ["--domain", "more.test"]
    server.start()
    assert certificate(server, "bucket.more.test").serial_number != first.serial_number
    assert server.ca.read_bytes() == ca


def own_certificate(directory, name, serial):
    """A self-signed certificate as an operator might bring it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    import datetime
    import ipaddress

    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(serial).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    (directory / "own.crt").write_bytes(made.public_bytes(pem))
    (directory / "own.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def until(check, seconds=30):
    """Asks again and again until it holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen"


def test_own_certificate_and_its_reload_on_sighup(make_server, tmp_path):
    own_certificate(tmp_path, "first", 1001)
    server = make_server("--tls-cert", str(tmp_path / "own.crt"), "--tls-key", str(tmp_path / "own.key"))
    crt = tmp_path / "own.crt"
    assert certificate(server, cafile=crt).serial_number == 1001
    # A connection made before keeps working across the change.
    context = ssl.create_default_context(cafile=str(crt))
    kept = http.client.HTTPSConnection("127.0.0.1", server.port, context=context)
    kept.request("HEAD", "/?apiversion")
    kept.getresponse().read()
    own_certificate(tmp_path, "second", 1002)
    server.signal(signal.SIGHUP)
    fresh = lambda: x509.load_pem_x509_certificate(  # noqa: E731
        ssl.get_server_certificate(("127.0.0.1", server.port)).encode()
    ).serial_number
    until(lambda: fresh() == 1002)
    kept.request("HEAD", "/?apiversion")
    assert kept.getresponse().status == 200
    kept.close()
    # A broken file is logged and changes nothing.
    crt.write_text("nonsense")
    server.signal(signal.SIGHUP)
    until(lambda: "own.crt" in server.log())
    assert fresh() == 1002 and server.process.poll() is None


# ---- end ------------------------------------------------------------------------------------------------------------


def test_sigterm_drains_requests_under_way(make_server):
    server = make_server()
    clients.s3(server).create_bucket(Bucket="drain")
    data = body(2 * MIB)
    request = signing.Request("PUT", "/drain/k", body=data)
    signing.sign_v4(request, server)
    link = signing.connect(server)
    link.putrequest("PUT", request.target, skip_host=True, skip_accept_encoding=True)
    link.putheader("Host", f"127.0.0.1:{server.port}")
    link.putheader("Content-Length", str(len(data)))
    for name, value in request.headers.items():
        link.putheader(name, value)
    link.endheaders()
    link.send(data[:MIB])
    # The upload is under way: the server has read its head once it counts it or answers others on a new connection.
    assert requests.get(f"{server.control()}/health/ready", timeout=10).status_code == 200
    server.signal(signal.SIGTERM)

    def refuses_new():
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
            return False
        except OSError:
            return True

    until(refuses_new)
    assert server.process.poll() is None, "it waits for the request under way"
    link.send(data[MIB:])
    answer = link.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    link.close()
    assert server.wait() == 0
    server.start()
    assert clients.s3(server).get_object(Bucket="drain", Key="k")["Body"].read() == data


def test_idle_connections_do_not_hold_up_the_end(make_server):
    server = make_server()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    keep_alive = signing.connect(server)
    keep_alive.request("HEAD", "/?apiversion")
    keep_alive.getresponse().read()
    assert server.stop() == 0
    for link in idle:
        link.close()


def test_sigint_ends_as_well(make_server):
    server = make_server()
    server.signal(signal.SIGINT)
    assert server.wait() == 0


@pytest.mark.parametrize("way", ["drain time", "second signal"])
def test_a_stalled_upload_does_not_hold_up_the_end_for_ever(make_server, way):
    server = make_server("--drain-seconds", "1" if way == "drain time" else "3600")
    clients.s3(server).create_bucket(Bucket="stall")
    request = signing.Request("PUT", "/stall/k", body=b"x" * MIB)
    signing.sign_v4(request, server)
    head = f"PUT {request.target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {MIB}\r\n"
    head += "".join(f"{k}: {v}\r\n" for k, v in request.headers.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head.encode() + b"x" * 1000)
        requests.get(f"{server.control()}/health/ready", timeout=10)
        if way == "second signal":
            server.signal(signal.SIGTERM)
            until(lambda: "requests under way may finish" in server.log())
        assert server.stop() == 0
    server.start()
    assert clients.s3(server).list_objects_v2(Bucket="stall")["KeyCount"] == 0


# ---- health and metrics ---------------------------------------------------------------------------------------------


def test_health(server):
    for path in ("/health/live", "/health/ready"):
        for tls in (False, True):
            reply = requests.get(f"{server.control(tls)}{path}", verify=str(server.ca), timeout=10)
            assert reply.status_code == 200, path
    assert requests.get(f"{server.control()}/health/other", timeout=10).status_code in (400, 403, 404)


def test_health_and_metrics_are_not_on_the_data_address(server):
    for path in ("/health/live", "/metrics"):
        assert requests.get(f"{server.objects()}{path}", timeout=10).status_code in (403, 404), path


def test_metrics_count_requests_by_dialect_operation_and_status(server, s3, bucket):
    before = server.counted("strongroom_requests_total", dialect="s3", operation="PutObject", status="200")
    for i in range(3):
        s3.put_object(Bucket=bucket, Key=f"k{i}", Body=b"x")
    now = server.counted("strongroom_requests_total", dialect="s3", operation="PutObject", status="200")
    assert now == before + 3
    missing = server.counted("strongroom_requests_total", operation="GetObject", status="404")
    signing.v4(server, "GET", f"/{bucket}/missing")
    assert server.counted("strongroom_requests_total", operation="GetObject", status="404") == missing + 1
    text = requests.get(f"{server.control()}/metrics", timeout=10)
    assert text.headers["Content-Type"].startswith(("application/openmetrics-text", "text/plain"))
    assert bucket not in text.text, "no names of users' things in the metrics"


# ---- memory ---------------------------------------------------------------------------------------------------------


def test_bodies_are_never_held_whole(make_server):
    """Sixteen uploads of 64 MiB at once: the peak stays far below what is under way."""
    server = make_server()
    s3 = clients.s3(server, tls=False)
    s3.create_bucket(Bucket="memory")
    rss = lambda field: int(  # noqa: E731
        re.search(rf"{field}:\s+(\d+) kB", open(f"/proc/{server.process.pid}/status").read())[1]
    )
    before = rss("VmRSS")
    data = body(64 * MIB)
    failures = []

    def upload(i):
        try:
            clients.s3(server, tls=False).put_object(
                Bucket="memory", Key=f"k{i}", Body=data, ServerSideEncryption="AES256"
            )
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=upload, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    grown = (rss("VmHWM") - before) * 1024
    assert grown < 256 * MIB, f"{grown / MIB:.0f} MiB for 1024 MiB under way"
