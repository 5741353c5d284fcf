"""A backend and repositories with certificates signed by a private authority."""

import subprocess

import pytest

import harness
from harness import task
from tls import NONE, Authority, doctor


@pytest.fixture
def backend(start_mock, tls_front, authority):
    """The URL of a mock behind TLS, with a task."""
    mock = start_mock(tasks=[task(1)])
    front = tls_front(mock.port, authority.sign())
    front.mock = mock
    return front


def takes_its_task(backend, start_runner, *options, env=None):
    runner = start_runner(None, "--backend-url", backend.url, "--mock", "--once", *options, env=NONE | (env or {}))
    assert runner.wait() == 0, runner.log
    return backend.mock.state()["results"] == 1


def test_the_authority_by_option(backend, start_runner, authority):
    assert takes_its_task(backend, start_runner, "--ca-file", authority.certificate)


def test_the_authority_by_a_relative_path(backend, start_runner, authority):
    runner = start_runner(None, "--backend-url", backend.url, "--mock", "--once", "--ca-file", "ca.pem", cwd=authority.dir)
    assert runner.wait() == 0, runner.log


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authority_by_a_variable(backend, start_runner, authority, name):
    assert takes_its_task(backend, start_runner, env={name: authority.certificate})


def test_the_authority_in_a_directory_of_a_variable(backend, start_runner, authority, tmp_path):
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.pem").write_bytes(authority.certificate.read_bytes())
    subprocess.run(["openssl", "rehash", tmp_path / "certs"], check=True)
    assert takes_its_task(backend, start_runner, env={"SSL_CERT_DIR": tmp_path / "certs"})


@pytest.mark.parametrize("first, second", [("OSTEST_CA_FILE", "CURL_CA_BUNDLE"), ("CURL_CA_BUNDLE", "SSL_CERT_FILE")])
def test_the_first_of_two_counts(backend, authority, tmp_path, first, second):
    other = Authority(tmp_path / "other", name="Other CA").certificate
    assert doctor(backend.url, tmp_path / "state", env={first: authority.certificate, second: other}).startswith("ok ")
    assert doctor(backend.url, tmp_path / "state", env={first: other, second: authority.certificate}).startswith("warn ")


def test_an_empty_variable_is_none(backend, authority, tmp_path):
    line = doctor(backend.url, tmp_path / "state", env={"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": authority.certificate})
    assert line.startswith("ok "), line


def test_an_unknown_authority(backend, tmp_path, start_runner):
    line = doctor(backend.url, tmp_path / "state")
    assert line.startswith("warn ") and f"{backend.url} is not trusted: its certificate is not signed by a known authority" in line
    assert line.endswith("name the file with the authority's certificate in --ca-file")
    runner = start_runner(None, "--backend-url", backend.url, "--mock", env=NONE)
    runner.wait_log(r"its certificate is not signed by a known authority \(.*\): .*--ca-file")


@pytest.mark.parametrize("signed, words", [
    ({"host": "DNS:other.example.org"}, ["is for another host", "check the host in --backend-url"]),
    ({"end": "20200102000000Z"}, ["has expired", "renew it", "clock"]),
    ({"start": "20900101000000Z"}, ["is not valid yet", "clock"])], ids=["host", "expired", "future"])
def test_what_is_wrong_with_a_certificate(start_mock, tls_front, authority, tmp_path, signed, words):
    url = tls_front(start_mock(tasks=[]).port, authority.sign(**signed)).url
    line = doctor(url, tmp_path / "state", "--ca-file", authority.certificate)
    assert line.startswith("warn ") and [word for word in ["is not trusted: its certificate", *words] if word not in line] == [], line


def test_a_variable_that_names_no_file(backend, tmp_path):
    line = doctor(backend.url, tmp_path / "state", env={"CURL_CA_BUNDLE": tmp_path / "missing"})
    assert line.startswith("warn ") and "the CA certificates cannot be read" in line and "$CURL_CA_BUNDLE" in line, line


# ---- repositories: git's own settings ----

def test_a_repository_whose_authority_git_knows(run, git_server, make_repo, small, tls_front, authority):
    make_repo("student", {"run.sh": f"cat >\"$1\" <<'END'\n{harness.REPORTS['pass']}\nEND\n"})
    url = tls_front(git_server.http.server_port, authority.sign()).url
    words = ["--src", f"{url}/student", "--tests", small.suite, "--git-protocols", "https"]
    status, out, _ = run(*words, GIT_SSL_CAINFO=str(authority.certificate))
    assert status == 0, out
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"http.{url}/.sslCAInfo", "GIT_CONFIG_VALUE_0": str(authority.certificate)}
    status, out, _ = run(*words, **settings)
    assert status == 0, out
    status, out, _ = run(*words, CURL_CA_BUNDLE=str(authority.certificate))
    assert status == 2, out


def over_tls(run, git_server, make_repo, small, front, **env):
    make_repo("student", {"run.sh": "exit 0\n"})
    status, out, _ = run("--src", f"{front.url}/student", "--tests", small.suite, "--git-protocols", "https", **env)
    assert status == 2, out
    return out


@pytest.mark.parametrize("signed", [{}, {"host": "DNS:other.example.org"}, {"end": "20200102000000Z"}, {"start": "20900101000000Z"}],
                         ids=["authority", "host", "expired", "future"])
def test_a_repository_whose_certificate_is_not_trusted(run, git_server, make_repo, small, tls_front, authority, signed):
    known = {"GIT_SSL_CAINFO": str(authority.certificate)} if signed else {}
    out = over_tls(run, git_server, make_repo, small, tls_front(git_server.http.server_port, authority.sign(**signed)), **known)
    assert "is not trusted (see GIT_SSL_CAINFO and http.sslCAInfo in git-config)" in " ".join(out.split()), out


def test_an_authority_for_git_that_is_no_file(run, git_server, make_repo, small, tls_front, authority, tmp_path):
    front = tls_front(git_server.http.server_port, authority.sign())
    out = over_tls(run, git_server, make_repo, small, front, GIT_SSL_CAINFO=str(tmp_path / "missing"))
    assert "CA certificates for" in " ".join(out.split()), out
