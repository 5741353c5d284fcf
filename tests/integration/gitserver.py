"""A git server over HTTP, by git's http-backend, with faults on demand."""

import base64
import contextlib
import gzip
import http.server
import os
import subprocess
import threading

import pytest

import harness


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.body = b""

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer()

    def answer(self):
        server = self.server.owner
        with server.changed:
            server.requests.append(self)
            server.changed.notify_all()
            first = server.faults.pop(0) if server.faults else None
        with contextlib.suppress(ConnectionError):
            (first or server.usual)(self)
        self.body = b""

    # ---- answers: functions with the handler as argument

    def status(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def backend(self):
        """Returns the answer of git's own server: headers, body."""
        path, _, query = self.path.partition("?")
        body = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
        env = harness.GIT_ENV | {
            "GIT_PROJECT_ROOT": str(self.server.owner.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=env, check=False)
        if b"\r\n\r\n" not in done.stdout:  # it failed on the repository before it answered
            return {"Status": "500 Internal Server Error"}, b""
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        return dict(line.split(": ", 1) for line in head.decode().splitlines()), content

    def git(self):
        headers, content = self.backend()
        code = int(headers.pop("Status", "200").split()[0])
        self.status(code, content, **headers)


def fails(code, **headers):
    return lambda handler: handler.status(code, b"no\n", **headers)


def drops(handler):
    """Closes the connection instead of answering."""
    handler.close_connection = True


def breaks_off(handler):
    """Sends half of the answer, then closes the connection."""
    headers, content = handler.backend()
    headers.pop("Status", None)
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


class GitServer:
    """Serves the repositories below `root`; `faults` are the answers to the next requests."""

    def __init__(self, root):
        self.root = root
        self.requests = []
        self.faults = []
        self.usual = Handler.git
        self.changed = threading.Condition()
        self.over = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.owner = self
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.host = f"127.0.0.1:{self.http.server_port}"
        self.url = f"http://{self.host}"

    def wait_requests(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, harness.TIMEOUT)

    def hangs(self, handler):
        """Does not answer until the test ends."""
        handler.close_connection = True
        self.over.wait()

    def hangs_in_the_middle(self, handler):
        """Sends all but the last bytes, then hangs."""
        headers, content = handler.backend()
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:-40])
        handler.wfile.flush()
        with self.changed:
            self.requests.append(None)  # an extra entry: it hangs now
            self.changed.notify_all()
        self.hangs(handler)

    def wants(self, user, password):
        """Requires the user and password from now on."""
        expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

        def usual(handler):
            if handler.headers.get("Authorization") == expected:
                handler.git()
            else:
                handler.status(401, b"who are you?\n", WWW_Authenticate='Basic realm="git"')
        self.usual = usual

    def close(self):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def make_git_server(tmp_path, make_repo):
    """make_git_server(): starts a GitServer for the repositories of make_repo()."""
    servers = []

    def make():
        servers.append(GitServer(os.fspath(tmp_path / "repos")))
        return servers[-1]
    yield make
    for server in servers:
        server.close()


@pytest.fixture
def git_server(make_git_server):
    return make_git_server()
