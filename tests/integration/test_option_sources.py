"""The sources of ostest-runner's options, and invalid options."""

import re
import subprocess

import pytest

from harness import CLEAN_ENV, RUNNER, TIMEOUT, task


def run(*options, env=None):
    """Runs a runner that is not expected to start."""
    variables = CLEAN_ENV | {name: str(value) for name, value in (env or {}).items()}
    return subprocess.run([RUNNER, *map(str, options)], env=variables, capture_output=True, text=True, errors="replace",
                          timeout=TIMEOUT)


def complaints(*options, **named):
    """Returns its messages about options, by the first word of each line."""
    done = run(*options, **named)
    assert done.returncode == 2 and done.stdout == "", done
    lines = [line.removeprefix("ostest-runner: ") for line in done.stderr.splitlines()]
    return {line.split(":")[0]: line for line in lines}


def slots_of(runner):
    return int(re.search(r" slots=(\d+) ", runner.wait_log(" slots="))[1])


# ---- precedence ----

SOURCES = {"flag": 11, "environment": 12, "file": 13}


@pytest.mark.parametrize("sources, slots", [
    ([], 2), (["file"], 13), (["environment"], 12), (["flag"], 11), (["file", "environment"], 12),
    (["file", "flag"], 11), (["environment", "flag"], 11), (["file", "environment", "flag"], 11)])
def test_precedence(start_runner, tmp_path, sources, slots):
    config = tmp_path / "runner.conf"
    config.write_text(f"concurrent = {SOURCES['file']}\n" if "file" in sources else "# nothing\n\n")
    flags = ["--concurrent", SOURCES["flag"]] if "flag" in sources else []
    env = {"OSTEST_CONCURRENT": SOURCES["environment"]} if "environment" in sources else {}
    assert slots_of(start_runner(None, "--config", config, *flags, env=env)) == slots


def test_last_flag_counts(start_runner):
    assert slots_of(start_runner(None, "--concurrent", 3, "--concurrent=4")) == 4


def test_config_file_of_the_environment(start_runner, tmp_path):
    config = tmp_path / "runner.conf"
    config.write_text("\n  # slots\n  concurrent=5  \n")
    assert slots_of(start_runner(None, env={"OSTEST_CONFIG": config})) == 5


@pytest.mark.parametrize("word, is_on", [("yes", True), ("1", True), ("true", True), ("no", False), ("0", False)])
def test_flags_in_the_environment(start_runner, word, is_on):
    runner = start_runner(None, env={"OSTEST_MOCK": word})
    assert ("mock=yes" in runner.wait_log(" slots=")) == is_on


def test_a_flag_can_be_taken_back(start_runner):
    assert "mock=yes" not in start_runner(None, "--mock=no", env={"OSTEST_MOCK": "yes"}).wait_log(" slots=")


def test_the_job_gets_options_of_every_source(run_tasks, small, barrier, tmp_path):
    config = tmp_path / "runner.conf"
    config.write_text("timeout = 0.25\n")
    result = run_tasks([task(1, small.student(script=barrier.script))], small.suite, "--config", config)[1]
    assert "took longer than 0.25 s" in result["errorDetails"]


# ---- invalid options ----

WRONG = {
    "backend-url": ["ftp://host", "http://", "localhost:5000", "http://a b"],
    "concurrent": ["0", "x", "1.5", "-1", "", "2 "], "check-interval": ["-1", "nan", "0"],
    "check-proc-interval": ["0", "soon"], "timeout": ["-1", "10m", "0x10"], "proxy-timeout": ["-1", "1.5"],
    "get-api": ["api", ""], "post-api": ["api"], "login-api": ["a b"], "token-refresh-api": ["x"],
    "refresh-time": ["-1", "never"], "logger-level": ["INFO", "loud"], "login": [""], "env": ["docker"],
    "sandbox": ["docker"], "disk": ["10", "1X", "-1M"], "output": ["1", "many"], "memory-unit": ["GB"],
    "git-protocols": ["", "HTTP;", "a b"], "python": ["bin/python3", ""], "max-tasks": ["-1", "1e99"],
    "task-tries": ["0"], "memory": ["1"], "cpus": ["0"], "pids": ["1"], "network": ["lan"], "drain-timeout": ["-1"],
    "auth": ["maybe"], "mock": ["2"], "config": ["/nowhere/runner.conf"],
}


@pytest.mark.parametrize("option, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_value(option, value):
    line = complaints(f"--{option}={value}")[f"--{option}"]
    assert f"'{value}' was given; " in line and len(line.split("was given; ")[1]) > 10


def test_all_wrong_options_are_named_at_once(tmp_path):
    config = tmp_path / "runner.conf"
    config.write_text("concurrent = none\nno-such = 1\nnonsense\n")
    said = complaints("--timeout=x", "--no-such-flag", "--config", config, "operand", "--login-api",
                      env={"OSTEST_PROXY_TIMEOUT": "long"})
    assert f"'none' was given in {config}, line 1; accepted: a whole number from 1 to 1024" in said["--concurrent"]
    assert "'x' was given; accepted: seconds" in said["--timeout"]
    assert "'long' was given in OSTEST_PROXY_TIMEOUT; " in said["--proxy-timeout"]
    assert "unknown option" in said["--no-such-flag"]
    assert "option requires a value" in said["--login-api"]
    assert "one of the commands run, doctor, " in said["'operand' was given; accepted"]
    assert "unknown option 'no-such'" in said[f"{config}, line 2"]
    assert "expected 'option = value'" in said[f"{config}, line 3"]


def test_a_wrong_option_starts_nothing(tmp_path):
    complaints("--state-dir", tmp_path / "state", "--logger-output", tmp_path / "log", "--concurrent=0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--password="], ["--passwort=TopSecret"], ["--password=TopSecret\udcff"],
                                     ["--password=TopSecret", "--concurrent=x"]])
def test_complaints_show_no_password(options):
    done = run(*options)
    assert done.returncode == 2 and done.stderr and "TopSecret" not in done.stderr


@pytest.mark.parametrize("option, value", [("--logger-output", "/nowhere/log"), ("--password-file", "/nowhere/word")])
def test_a_file_that_is_not_there(tmp_path, option, value):
    said = complaints(option, value, "--state-dir", tmp_path)
    assert value in said[option]


def test_empty_password_file(tmp_path):
    (tmp_path / "word").write_text("\n")
    assert "is no password" in complaints("--password-file", tmp_path / "word")["--password-file"]


# ---- abbreviations, help, version ----

def test_abbreviation(start_runner):
    assert slots_of(start_runner(None, "--conc", 6)) == 6


def test_unclear_abbreviation():
    assert "ambiguous abbreviation" in complaints("--log", "debug")["--log"]


def test_help_names_every_option():
    done = run("--help")
    options = set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE))
    assert done.returncode == 0 and done.stderr == ""
    assert options >= {f"--{name}" for name in WRONG} | {
        "--password", "--password-file", "--tests-url", "--tests-branch", "--state-dir", "--once", "--logger-output",
        "--help", "--version"}
    for default in ("http://localhost:5000", "/api/task/available", "/api/v1/auth/refresh", "https://github.com/os-nsu/tests.git",
                    "600", "0.1", "https,http,ssh,git", "16M"):
        assert f"[{default}]" in done.stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0 and re.fullmatch(r"ostest-runner \d+\.\d+\.\d+\n", done.stdout)


def test_help_wins_over_wrong_options():
    assert run("--concurrent=x", "--help").returncode == 0


# ---- the state directory ----

@pytest.mark.parametrize("env, expected", [
    ({"STATE_DIRECTORY": "{}/systemd", "XDG_STATE_HOME": "{}/xdg"}, "systemd"),
    ({"STATE_DIRECTORY": "{}/first:{}/second"}, "first"),
    ({"XDG_STATE_HOME": "{}/xdg", "HOME": "{}/home"}, "xdg/ostest-runner"),
    ({"HOME": "{}/home"}, "home/.local/state/ostest-runner"),
    ({"OSTEST_STATE_DIR": "{}/ours", "STATE_DIRECTORY": "{}/systemd"}, "ours")])
def test_state_directory_of_the_environment(start_mock, start_runner, tmp_path, env, expected):
    env = {name: value.replace("{}", str(tmp_path)) for name, value in env.items()}
    runner = start_runner(start_mock(tasks=[task(1)]), "--mock", "--once", state=None, env={"HOME": None} | env)
    assert runner.wait() == 0
    assert (tmp_path / expected / "jobs").is_dir()
    assert not [path for path in tmp_path.rglob("jobs") if path != tmp_path / expected / "jobs"]


def test_state_dir_option_wins(start_mock, start_runner, tmp_path):
    runner = start_runner(start_mock(tasks=[task(1)]), "--mock", "--once", env={"STATE_DIRECTORY": tmp_path / "systemd"})
    assert runner.wait() == 0
    assert (tmp_path / "state" / "jobs").is_dir() and not (tmp_path / "systemd").exists()


def test_relative_state_dir(start_mock, start_runner, small, tmp_path):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite, "--once", state="here/state", cwd=tmp_path)
    assert runner.wait() == 0 and mock.results()[0]["isPassed"]
    assert (tmp_path / "here" / "state" / "cache").is_dir()


def test_no_state_directory():
    done = subprocess.run([RUNNER], env={}, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2 and "--state-dir: nothing was given" in done.stderr


# ---- the password ----

@pytest.mark.parametrize("options, env", [
    (["--password", "right"], {"OSTEST_PASSWORD": "wrong"}),
    (["--password-file", "{right}"], {}),
    (["--password-file", "{right}"], {"OSTEST_PASSWORD": "wrong"}),
    ([], {"OSTEST_PASSWORD": "right"}),
    ([], {"OSTEST_PASSWORD_FILE": "{right}", "CREDENTIALS_DIRECTORY": "{wrong-dir}"}),
    ([], {"OSTEST_PASSWORD": "right", "CREDENTIALS_DIRECTORY": "{wrong-dir}"}),
    ([], {"CREDENTIALS_DIRECTORY": "{right-dir}"}),
    (["--config", "{config}"], {"OSTEST_PASSWORD": "right"}),
    (["--login", "dora"], {"CREDENTIALS_DIRECTORY": "/nowhere"})])
def test_sources_of_the_password(start_mock, start_runner, tmp_path, options, env):
    for word in ("right", "wrong"):
        (tmp_path / f"{word}-dir").mkdir()
        (tmp_path / f"{word}-dir" / "password").write_text(f"{word}\nmore\n")
    (tmp_path / "config").write_text("password = wrong\n")

    def filled(text):
        places = {"{right}": "right-dir/password", "{right-dir}": "right-dir", "{wrong-dir}": "wrong-dir", "{config}": "config"}
        return str(tmp_path / places[text]) if text in places else text
    users = "anna:right:ADMIN,dora:dora_explorer:ADMIN"
    mock = start_mock("--auth", "--user", users, tasks=[task(1)])
    login = [] if "--login" in options else ["--login", "anna"]
    runner = start_runner(mock, "--auth", "--mock", "--once", *login, *map(filled, options),
                          env={name: filled(value) for name, value in env.items()})
    mock.state(requests_total=1)
    assert mock.state()["logins"] == 1, runner.log
    assert runner.wait() == 0
