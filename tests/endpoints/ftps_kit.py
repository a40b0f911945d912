"""A real FTPS server for tests: a free port, a certificate of its own, killed and frozen at will."""

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from esb.testing.private_server import PrivateServer, free_port, listens, start_bounded

WORKER = Path(__file__).with_name("ftps_worker.py")
PASSWORD, AUTHORITY = "secret://file/password", "secret://file/authority"


class FtpsServer(PrivateServer):
    """One server; port, certificate and `folder` stay the same over kill and restart."""

    def __init__(self, home, kind="usual"):
        self.folder = home / "files"
        self.folder.mkdir(parents=True)
        self.certificate = home / "server.pem"
        self.output = home / "output"
        self.kind = kind
        self._process = None
        self.port = free_port()
        self.secrets = {PASSWORD: "s3cret", AUTHORITY: make_certificate(self.certificate)}

    def endpoint(self, directory, **options):
        return {
            "type": "ftps",
            "host": "127.0.0.1",
            "port": self.port,
            "security": "implicit" if self.kind == "implicit" else "explicit",
            "user": "acme",
            "password": PASSWORD,
            "tls": {"authority": AUTHORITY},
            "directory": directory,
            **options,
        }

    def start(self):
        words = [str(self.folder), str(self.port), str(self.certificate), self.kind]
        self._process = start_bounded([sys.executable, str(WORKER), *words], self.output)
        until = time.monotonic() + 20
        while not listens(self.port):
            assert self._process.poll() is None and time.monotonic() < until, self.output.read_text()
            time.sleep(0.02)

    def kill(self):
        if self._process is not None:
            self.send_signal(signal.SIGKILL)
            self._process.wait(10)
            while listens(self.port):
                time.sleep(0.005)
            self._process = None

    def stop(self):
        self.kill()

    def send_signal(self, number):
        os.killpg(self._process.pid, number)


def make_certificate(path):
    """Write a key and its self-signed certificate for 127.0.0.1; return the certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ftps.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem)
    return pem.decode()
