"""Repositories over the network: protocols, passwords, errors, credentials in a URL."""

import base64
import contextlib
import os
import pathlib
import pty
import re
import socket
import stat
import struct
import threading
import time

import pytest

import harness
from gitserver import breaks_off, drops, fails
from harness import git
from jobs import MACHINE, TASK, check_status

TOKEN = "s3cr3t-t0ken"


@pytest.fixture
def suite(make_suite):
    return make_suite()


@pytest.fixture
def url(git_server, student):
    return f"{git_server.url}/student"


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def operator(tmp_path):
    """operator(key, value): returns the environment of an operator with this git configuration."""
    def configure(key, value):
        git("config", "--file", tmp_path / "gitconfig", "--add", key, value)
        return {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    return configure


# ---- allowed protocols


def test_over_http(run_job, url, suite):
    assert run_job(url, suite).passed


@pytest.mark.parametrize("protocols", ["https", "http", "git", "file"])
def test_only_allowed_protocols(run_job, url, student, suite, protocols, tmp_path):
    usable = {"http": url, "file": f"file://{student}"}
    job = run_job(usable.get(protocols, url), suite, "--git-protocols", protocols)
    if protocols == "file":
        assert job.passed
        job = run_job(url, suite, "--git-protocols", protocols)
    if protocols == "http":
        # The student's repository can be fetched, the suite's cannot.
        assert job.error.startswith("The test suite") and "'file'" in job.error
    else:
        assert job.error == f"{url} uses the protocol 'http'; allowed here: {protocols}"


@pytest.mark.parametrize("form", ["file://{}", "{}", "FILE://{}"])
def test_local_repositories_only_when_asked_for(run_job, student, suite, form, git_server, tmp_path):
    suite_url = f"{git_server.url}/suite"
    where = form.format(student)
    job = run_job(where, suite_url, "--git-protocols", "https,http,ssh,git", env={"GIT_SSH_COMMAND": "false"})
    assert job.error and git_server.requests == []


@pytest.mark.parametrize("where", ["ext::touch%20evil", "ext::sh", "fd::17/foo", "evil::x", "transport-helper://x"])
def test_helpers_are_not_called(run_job, suite, where, tmp_path):
    script(tmp_path / "git-remote-evil", f"touch {tmp_path}/ran")
    job = run_job(where, suite, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert "uses the protocol" in job.error
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("member", ["repositoryUrl", "branch"])
@pytest.mark.parametrize("value", ["--upload-pack=touch evil", "-x", "ext::sh -c touch% evil", "a\nb"])
def test_what_is_no_url_or_branch_is_an_error_result(run_tasks, student, suite, member, value):
    task = {"id": "a", "repositoryUrl": str(student), "branch": "main"} | {member: value}
    result = run_tasks([task], suite)["a"]
    assert result["isError"] and not result["isPassed"] and result["testResults"] == []
    assert ("repositoryUrl" if member == "repositoryUrl" else "branch") in result["errorDetails"]


@pytest.mark.parametrize("where", ["ssh://-oProxyCommand=touch%20{}/x", "ssh://-oProxyCommand=touch${{IFS}}{}/x",
                                   "x@-oProxyCommand=touch{}:x",
                                   "ssh://x@-oProxyCommand=touch{}/x", "ssh://host/--upload-pack=touch{}"])
def test_no_options_for_ssh(run_job, suite, where, tmp_path):
    ssh = script(tmp_path / "ssh", f"""
for a; do case $a in -o) ;; -oProxy*) echo "$a" >> {tmp_path}/ran; esac; done
echo Permission denied >&2; exit 1""")
    job = run_job(where.format(tmp_path / "ran"), suite, env={"GIT_SSH": str(ssh), "GIT_SSH_VARIANT": "ssh"})
    assert job.error and not (tmp_path / "ran").exists()


def test_over_ssh(run_job, student, suite, tmp_path):
    ssh = script(tmp_path / "ssh", 'for command; do :; done; exec sh -c "$command"')
    assert run_job(f"ssh://git@host.example{student}", suite, env={"GIT_SSH": str(ssh)}).passed
    assert run_job(f"git@host.example:{student}", suite, env={"GIT_SSH": str(ssh)}).passed


# ---- the operator's configuration


def test_instead_of_counts(run_job, student, suite, operator):
    settings = operator(f"url.{student.path.parent}/.insteadOf", "https://git.example/")
    assert run_job("https://git.example/student", suite, env=settings).passed


def test_instead_of_does_not_widen_the_protocols(run_job, student, git_server, suite, operator):
    settings = operator(f"url.{student.path.parent}/.insteadOf", "https://git.example/")
    job = run_job("https://git.example/student", f"{git_server.url}/suite", "--git-protocols", "https,http", env=settings)
    assert "may not use the protocol" in job.error


def test_the_operators_credentials_count(run_job, url, suite, git_server, operator, tmp_path):
    git_server.wants("operator", TOKEN)
    (tmp_path / "store").write_text(f"http://operator:{TOKEN}@{git_server.host}\n")
    job = run_job(url, suite, env=operator("credential.helper", f"store --file={tmp_path}/store"))
    assert job.passed and TOKEN not in job.log


def test_credentials_in_the_operators_instead_of_are_not_shown(start_job, student, suite, make_git_server, operator):
    jobs = []
    for answer in [fails(401), fails(403), fails(404), fails(500), drops, breaks_off, fails(200)]:
        server = make_git_server()
        server.usual = answer
        settings = operator(f"url.http://operator:{TOKEN}@{server.host}/.insteadOf", server.url + "/")
        jobs.append((server, start_job(f"{server.url}/student", suite, env=settings)))
    for server, job in jobs:
        check_status(job, job.wait())
        assert TOKEN not in job.error + job.log
        assert server.requests


# ---- passwords: never a prompt


ASKING = {"SSH_ASKPASS": "{}", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}


def test_a_password_is_never_asked_for(run_job, url, suite, git_server, tmp_path):
    git_server.wants("student", TOKEN)
    asker = script(tmp_path / "ask", f"touch {tmp_path}/asked; echo x")
    job = run_job(url, suite, env={key: value.format(asker) for key, value in ASKING.items()})
    assert "private" in job.error and url in job.error
    assert not (tmp_path / "asked").exists()
    assert len(git_server.requests) <= 2  # no guesses, no retries


def on_a_terminal(command, **named):
    """Runs a program on a terminal without input. Returns its output."""
    pid, fd = pty.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            os.execvpe(command[0], command, named["env"])
        os._exit(126)
    output = b""
    deadline = time.monotonic() + harness.TIMEOUT
    with contextlib.suppress(OSError):  # EIO: the last process has exited
        while time.monotonic() < deadline and (chunk := os.read(fd, 4096)):
            output += chunk
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output.decode()


@pytest.mark.parametrize("scheme", ["http", "ssh"])
def test_no_prompt_on_a_terminal(suite, url, git_server, tmp_path, scheme):
    git_server.wants("student", TOKEN)
    ssh = script(tmp_path / "ssh", f"""
if (: < /dev/tty) 2> /dev/null; then touch {tmp_path}/asked; fi
echo 'git@host.example: Permission denied (publickey).' >&2; exit 255""")
    (tmp_path / "job").mkdir()
    where = {"http": url, "ssh": "ssh://git@host.example/x"}[scheme]
    (tmp_path / "job" / "task.json").write_text('{"id": 1, "repositoryUrl": "%s"}' % where)
    status, output = on_a_terminal(
        [harness.JOB, "--cache-dir", tmp_path / "cache", "--tests-url", str(suite), tmp_path / "job"],
        env=harness.CLEAN_ENV | {"GIT_SSH": str(ssh)})
    assert status == TASK and "assword" not in output and "sername" not in output.replace("could not read Username", "")
    assert not (tmp_path / "asked").exists(), "ssh could ask on the terminal"


# ---- credentials in the URL


def files_below(directory):
    """Returns the files below a directory. rglob() would fail if a directory disappears
    meanwhile."""
    return [pathlib.Path(parent, name) for parent, _, names in os.walk(directory) for name in names]


@contextlib.contextmanager
def watched_for(token, git_server, directory):
    """Searches command lines and files for the token whenever git sends a request to the server."""
    seen = {"argv": [], "modes": set()}
    usual = git_server.usual

    def look(handler):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if token.encode() in command:
                    seen["argv"].append(command)
        for path in files_below(directory):
            with contextlib.suppress(OSError):
                if path.is_file() and path.name != "task.json" and token.encode() in path.read_bytes():
                    seen["modes"].add(stat.S_IMODE(path.stat().st_mode))
        usual(handler)
    git_server.usual = look
    yield seen
    git_server.usual = usual


def files_with(token, directory):
    return [path for path in files_below(directory)
            if path.is_file() and path.name != "task.json" and token.encode() in harness.content_of(path)]


@pytest.mark.parametrize("userinfo", [f"user:{TOKEN}", f"{TOKEN}:", TOKEN], ids=["password", "name-and-colon", "name-only"])
def test_credentials_in_the_url_are_used_and_not_shown(run_job, student, suite, git_server, tmp_path, userinfo):
    user, _, password = userinfo.partition(":")
    git_server.wants(user, password)
    where = f"http://{userinfo}@{git_server.host}/student"
    with watched_for(TOKEN, git_server, tmp_path) as seen:
        job = run_job({"repositoryUrl": where, "branch": "main"}, suite)
    assert job.passed
    sent = [request.headers["Authorization"] for request in git_server.requests if "Authorization" in request.headers]
    assert base64.b64encode(f"{user}:{password}".encode()).decode() in sent[0]
    assert f"url=http://{git_server.host}/student " in job.log
    assert TOKEN not in job.log + job.stdout + job.stderr
    assert seen["argv"] == [] and seen["modes"] <= {0o600}
    assert files_with(TOKEN, tmp_path) == []


def test_special_characters_in_credentials(run_job, student, suite, git_server):
    git_server.wants("us er", "p@ss:w/rd")
    assert run_job(f"http://us%20er:p%40ss%3Aw%2Frd@{git_server.host}/student", suite).passed


def test_credentials_in_a_url_with_an_equals_sign(run_job, make_repo, suite, git_server):
    git_server.wants("user", TOKEN)
    make_repo("a=b", {"main.c": ""})
    assert run_job(f"http://user:{TOKEN}@{git_server.host}/a=b", suite).passed


def test_credentials_and_a_redirect_on_the_same_host(run_job, student, suite, git_server):
    """A repository that was renamed."""
    git_server.wants("user", TOKEN)
    allowed = git_server.usual

    def renamed(handler):
        if handler.path.startswith("/old/"):
            handler.status(301, Location=git_server.url + handler.path.replace("/old/", "/student/", 1))
        else:
            allowed(handler)
    git_server.usual = renamed
    assert run_job(f"http://user:{TOKEN}@{git_server.host}/old", suite).passed


def test_the_suites_credentials_are_not_shown(start_job, student, suite, git_server, tmp_path):
    git_server.wants("user", TOKEN)
    options = tmp_path / "options"  # as the runner writes them
    options.write_text(f"tests-url = http://user:{TOKEN}@{git_server.host}/suite\n")
    with watched_for(TOKEN, git_server, tmp_path) as seen:
        job = start_job(student, None, "--config", options)
        assert job.wait() == 0
    options.unlink()
    assert job.passed and TOKEN not in job.log
    assert seen["argv"] == [] and files_with(TOKEN, tmp_path) == []


def test_credentials_of_student_and_suite_do_not_mix(run_job, student, suite, make_git_server):
    """Both are fetched at the same time: each server answers after both have requests."""
    both = threading.Barrier(2, timeout=harness.TIMEOUT)
    servers = {"student": make_git_server(), "suite": make_git_server()}
    for name, server in servers.items():
        server.wants(name, TOKEN + name)

        def late(handler, usual=server.usual):
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(2)  # fetched one after the other, they could not mix
            usual(handler)
        server.faults = [late]
    urls = [f"http://{name}:{TOKEN}{name}@{server.host}/{name}" for name, server in servers.items()]
    assert run_job(*urls).passed


@pytest.mark.parametrize("answer", [401, 403, 404])
def test_credentials_are_not_in_an_error(run_job, suite, git_server, answer, tmp_path):
    git_server.usual = fails(answer)
    job = run_job(f"http://user:{TOKEN}@{git_server.host}/student", suite)
    assert git_server.host in job.error
    assert TOKEN not in job.error + job.log and files_with(TOKEN, tmp_path) == []


def test_credentials_are_not_in_an_error_of_a_refused_url(run_job, suite):
    for where in [f"https://user:{TOKEN}@host.example/x", f"evil://user:{TOKEN}@host.example/x"]:
        job = run_job(where, suite, "--git-protocols", "ssh")
        assert "uses the protocol" in job.error and TOKEN not in job.error + job.log


def test_the_urls_credentials_are_not_given_to_the_operators_helper(run_job, student, suite, git_server, operator, tmp_path):
    git_server.wants("user", TOKEN)
    store = tmp_path / "store"
    store.write_text(f"http://user:operators@{git_server.host}\n")
    job = run_job(f"http://user:{TOKEN}@{git_server.host}/student", suite,
                  env=operator("credential.helper", f"store --file={store}"))
    assert store.read_text() == f"http://user:operators@{git_server.host}\n"
    assert job.passed


def test_wrong_credentials_in_a_url_take_nothing_from_the_operator(run_job, student, suite, git_server, operator, tmp_path):
    git_server.usual = fails(401, WWW_Authenticate='Basic realm="git"')
    store = tmp_path / "store"
    store.write_text(f"http://user:operators@{git_server.host}\n")
    job = run_job(f"http://user:wrong@{git_server.host}/student", suite,
                  env=operator("credential.helper", f"store --file={store}"))
    assert "private" in job.error and store.read_text() == f"http://user:operators@{git_server.host}\n"


def test_credentials_of_a_killed_job_are_removed_by_the_next(start_job, student, suite, git_server, tmp_path):
    git_server.faults = [git_server.hangs]
    where = f"http://user:{TOKEN}@{git_server.host}/student"
    job = start_job(where, suite, directory=tmp_path / "job")
    git_server.wait_requests(1)
    job.kill()
    assert start_job(student, suite, "--clean", directory=tmp_path / "job").wait() == 0
    assert files_with(TOKEN, tmp_path) == []


# ---- network errors


def resets(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def empty(handler):
    headers, _ = handler.backend()
    headers.pop("Status", None)
    handler.status(200, b"", **headers)


def usual(handler):
    handler.git()


FAULTS = {
    "500": [fails(500)], "502": [fails(502)], "503": [fails(503)], "429": [fails(429)],
    "drop": [drops], "reset": [resets], "break": [breaks_off],
    "break-in-refs": [usual, breaks_off], "break-in-pack": [usual, usual, breaks_off],
    "empty-refs": [usual, empty], "empty-pack": [usual, usual, empty],
}


def test_faults_of_the_network_are_tried_again(start_job, student, suite, make_git_server, tmp_path):
    jobs = {}
    for name, faults in FAULTS.items():  # all at the same time, as each waits before it retries
        server = make_git_server()
        server.faults = list(faults)
        jobs[name] = server, start_job(f"{server.url}/student", suite)
    errors = {}
    for name, (server, job) in jobs.items():
        assert job.wait() == 0
        if not job.result["isPassed"] or server.faults:
            errors[name] = job.log
    assert errors == {}


def test_a_lasting_fault_is_an_error_after_a_few_tries(start_job, student, suite, make_git_server, refusing):
    answers = {"500": fails(500), "drop": drops, "break": breaks_off,
               "redirect": fails(302, Location=f"file://{student}/.git/info/refs")}
    jobs = {}
    for name, answer in answers.items():
        server = make_git_server()
        server.usual = answer
        jobs[name] = server, start_job(f"http://user:{TOKEN}@{server.host}/student", suite)
    refused = start_job(f"{refusing}/x", suite)
    assert refused.wait() == TASK and "class=network" in refused.log and "does not answer" in refused.error
    for name, (server, job) in jobs.items():
        check_status(job, job.wait())
        assert "class=network" in job.log and f"{server.url}/student" in job.error
        assert TOKEN not in job.error + job.log
        # libcurl itself repeats a request on a closed connection.
        assert 3 <= len(server.requests) <= 12


def test_where_the_suite_is_away_too_it_is_the_machines_fault(start_job, refusing):
    job = start_job(f"{refusing}/student", f"{refusing}/suite")
    assert job.wait() == MACHINE and "class=network" in job.log and f"{refusing}/student" in job.error


SSH_FAULTS = [
    "ssh: connect to host h port 22: Connection refused",
    "ssh: connect to host h port 22: Connection timed out",
    "ssh: connect to host h port 22: No route to host",
    "ssh: connect to host h port 22: Network is unreachable",
    "ssh: Could not resolve hostname h: Temporary failure in name resolution",
    "kex_exchange_identification: Connection closed by remote host",
    "Connection closed by 192.0.2.1 port 22",
]


def test_ssh_faults_of_the_network_are_tried_again(start_job, student, suite, tmp_path):
    jobs = {}
    for i, words in enumerate(SSH_FAULTS):
        ssh = script(tmp_path / f"ssh{i}", f"""
if [ ! -e {tmp_path}/tried{i} ]; then touch {tmp_path}/tried{i}; echo '{words}' >&2; exit 255; fi
for command; do :; done; exec sh -c "$command" """)
        jobs[words] = start_job(f"ssh://host{i}.example{student}", suite, env={"GIT_SSH": str(ssh), "GIT_SSH_VARIANT": "ssh"})
    assert {words: job.log for words, job in jobs.items() if job.wait() != 0 or not job.result["isPassed"]} == {}


@pytest.mark.parametrize("words", [
    "git@host.example: Permission denied (publickey).",
    "ERROR: Repository not found.",
    "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.",
    "conq: repository does not exist.", "Gogs: Repository does not exist or you do not have access"])
def test_what_ssh_hosts_say_of_a_private_repository(run_job, suite, tmp_path, words):
    ssh = script(tmp_path / "ssh", f'echo "{words}" >&2; echo x >> {tmp_path}/calls; exit 1')
    job = run_job("git@host.example:a/b.git", suite, env={"GIT_SSH": str(ssh), "GIT_SSH_VARIANT": "ssh"})
    assert "class=task" in job.log and "does not exist" in job.error
    assert (tmp_path / "calls").read_text() == "x\n"


@pytest.mark.parametrize("answer, words", [(404, "does not exist"), (401, "private"), (403, "private"),
                                           (410, "does not exist any more")])
def test_what_trying_again_does_not_mend(run_job, url, suite, git_server, answer, words):
    git_server.usual = fails(answer)
    job = run_job(url, suite)
    assert "class=task" in job.log and words in job.error
    assert len(git_server.requests) <= 2


@pytest.mark.parametrize("name", ["my-SSL-proxy", "SSL"])
def test_words_in_a_url_are_not_the_fault(run_job, suite, git_server, name):
    job = run_job(f"{git_server.url}/{name}", suite)
    assert "class=task" in job.log and "does not exist" in job.error


def test_a_server_that_hangs(run_job, url, suite, git_server):
    git_server.usual = git_server.hangs
    job = run_job(url, suite, "--timeout", 2)
    assert re.fullmatch(r"Cloning http://\S+ took longer than 2 s and was stopped", job.error)


def test_a_server_that_hangs_in_the_middle(run_job, url, suite, git_server):
    git_server.faults = [usual, usual, git_server.hangs_in_the_middle]
    assert "took longer than" in run_job(url, suite, "--timeout", 1).error
