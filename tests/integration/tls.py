"""A certificate authority made with openssl, and a TLS proxy for a plain HTTP server."""

import contextlib
import pathlib
import select
import socket
import ssl
import subprocess
import threading

import pytest

import harness

# Without the certificates that the environment of the tests trusts.
NONE = dict.fromkeys(["CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
AUTHORITY = """
[ca]
default_ca = test
[test]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """Signs certificates; `certificate` is the path of its own."""

    def __init__(self, directory, name="Test CA"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        self.certificate = self.dir / "ca.pem"
        (self.dir / "ca.cnf").write_text(AUTHORITY)
        (self.dir / "index").touch()
        (self.dir / "serial").write_text("01\n")
        self.openssl("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", f"/CN={name}")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.dir, check=True, capture_output=True)

    def sign(self, host="IP:127.0.0.1", start=None, end=None):
        """Returns a file with a key and its certificate for this host. start, end: as
        20200131000000Z."""
        dates = ["-startdate", start or "20200101000000Z", "-enddate", end or "21000101000000Z"]
        self.openssl("req", *KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server", "-addext", f"subjectAltName={host}")
        self.openssl("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "server.csr",
                     "-out", "server.pem", "-notext", *dates)
        path = self.dir / f"server-{len(list(self.dir.glob('server-*')))}.pem"
        path.write_bytes((self.dir / "server.key").read_bytes() + (self.dir / "server.pem").read_bytes())
        return path


class TlsFront:
    """Accepts TLS connections and forwards them to a port of this host."""

    def __init__(self, port, certificate):
        self.port = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        """Ignores connection errors, also a client that rejects the certificate."""
        with client, contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as tls, \
                socket.create_connection(("127.0.0.1", self.port)) as plain:
            while True:
                ready = [tls] if tls.pending() else select.select([tls, plain], [], [])[0]
                for one, other in ((tls, plain), (plain, tls)):
                    if one in ready:
                        data = one.recv(65536)
                        if not data:
                            return
                        other.sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture
def tls_front():
    """tls_front(port, certificate): starts a TLS proxy for the port."""
    with contextlib.ExitStack() as stack:
        def make(port, certificate):
            front = TlsFront(port, certificate)
            stack.callback(front.close)
            return front
        yield make


def doctor(url, state, *options, env=None):
    """Returns doctor's line about the backend at this URL."""
    runner = harness.Runner("doctor", "--backend-url", url, "--state-dir", state, *options, env=NONE | (env or {}))
    runner.wait()
    [line] = [line for line in runner.lines if line.split()[1:2] == ["backend"]]
    return line
