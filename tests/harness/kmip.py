"""A KMIP server: PyKMIP as a process of its own, with certificates made for it."""

import datetime
import ipaddress
import os
import signal
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .providers import free_port, table, wait_until
from .server import clean_environment

START_SECONDS_MAX = 60


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs the certificates of one test."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("ca", self.key.public_key(), authority=True)
        self.path = self._write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, usage, alternatives=()):
        """The paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), usage, alternatives)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return (
            self._write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{name}.key", secret),
        )

    def _sign(self, name, public, usage=None, alternatives=(), authority=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name("ca")).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + 30 * day)
            .add_extension(x509.BasicConstraints(authority, None), True)
        )  # fmt: skip
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name, content):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path


class KmipServer:
    """PyKMIP. May be stopped and started again; its keys stay."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.authority = Authority(directory)
        loopback = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate, key = self.authority.issue("server", ExtendedKeyUsageOID.SERVER_AUTH, loopback)
        self.client = self.authority.issue("strongroom", ExtendedKeyUsageOID.CLIENT_AUTH)
        self.port = free_port()
        (self.directory / "policy").mkdir()
        self.conf = self.directory / "server.conf"
        self.conf.write_text(
            f"[server]\nhostname=127.0.0.1\nport={self.port}\ncertificate_path={certificate}\nkey_path={key}\n"
            f"ca_path={self.authority.path}\nauth_suite=TLS1.2\npolicy_path={self.directory / 'policy'}\n"
            f"enable_tls_client_auth=True\nlogging_level=INFO\ndatabase_path={self.directory / 'keys.db'}\n"
        )
        self.log = self.directory / "kmip.log"
        self.process = None
        self.start()

    def start(self):
        command = [
            Path(sys.executable).parent / "pykmip-server", "-f", str(self.conf), "-l", str(self.log)
        ]  # fmt: skip
        before = self._log().count("Starting connection service")
        with open(self.directory / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                command, env=clean_environment(), stdout=output, stderr=output, start_new_session=True
            )
        listens = lambda: self._log().count("Starting connection service") > before  # noqa: E731
        wait_until(listens, "the KMIP server listens", START_SECONDS_MAX)

    def _log(self):
        assert self.process is None or self.process.poll() is None, "the KMIP server has ended"
        return self.log.read_text() if self.log.exists() else ""

    def stop(self):
        # Its helper processes with it: it leads a group of its own.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def settings(self, name="kmip", **more) -> str:
        """The table of a provider that keeps its keys here."""
        certificate, key = self.client
        said = {
            "kind": "kmip",
            "host": "127.0.0.1",
            "port": self.port,
            "ca_file": str(self.authority.path),
            "certificate_file": str(certificate),
            "key_file": str(key),
            "probe_interval_seconds": 0,
            "breaker_pause_ms": 100,
        }
        return table(name, said | more)
