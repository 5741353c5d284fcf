"""`ostest-runner config`: the effective options, the example file, and errors in a file."""

import re
import subprocess

import pytest

from harness import CLEAN_ENV, RUNNER, TIMEOUT


def run(*words, env=None):
    variables = CLEAN_ENV | {name: str(value) for name, value in (env or {}).items()}
    done = subprocess.run([RUNNER, *map(str, words)], env=variables, capture_output=True, text=True, timeout=TIMEOUT)
    return done.returncode, done.stdout, done.stderr


def in_force(*words, env=None):
    """Returns {option: (value, origin)}."""
    status, out, err = run("config", *words, env=env)
    assert (status, err) == (0, "")
    return {name: (value, origin) for name, value, origin in re.findall(r"^([a-z-]+) = (.*?) +\((.*)\)$", out, re.MULTILINE)}


@pytest.fixture
def conf(tmp_path):
    """conf(text): writes a configuration file."""
    path = tmp_path / "runner.conf"

    def write(text):
        path.write_text(text)
        return path
    return write


def options_of_help():
    return set(re.findall(r"^  --([a-z-]+)", run("help", "options")[1], re.MULTILINE))


# ---- effective options ----

def test_each_option_has_value_and_origin(conf):
    path = conf("# mine\nconcurrent = 4\nlogin = filed\nmemory = 2G\n")
    found = in_force("--config", path, "--memory=3G", env={"OSTEST_LOGIN": "surrounded"})
    assert found["concurrent"] == ("4", f"{path}, line 2")
    assert found["login"] == ("surrounded", "OSTEST_LOGIN")
    assert found["memory"] == ("3G", "command line")
    assert found["cpus"] == ("1", "default")
    assert found["tests-branch"] == ("", "not set")
    assert set(found) == options_of_help() - {"help", "version", "check-config", "example"}


def test_what_comes_out_of_others_is_shown(tmp_path):
    found = in_force("--timeout=7.5", env={"STATE_DIRECTORY": tmp_path / "state"})
    assert found["drain-timeout"] == ("7.5", "default")
    assert found["state-dir"] == (f"{tmp_path}/state", "default")


@pytest.mark.parametrize("words, env", [(["--password=TopSecret"], {}), ([], {"OSTEST_PASSWORD": "TopSecret"}),
                                        (["--backend-url", "https://me:TopSecret@host.example/"], {}),
                                        (["--tests-url", "https://TopSecret@host.example/suite.git"], {})])
def test_secrets_are_not_shown(words, env):
    _status, out, err = run("config", *words, env=env)
    assert "TopSecret" not in out + err
    assert "(hidden)" in out or "host.example" in out


def test_the_credential_of_systemd_is_shown(tmp_path):
    (tmp_path / "password").write_text("TopSecret\n")
    _status, out, _err = run("config", env={"CREDENTIALS_DIRECTORY": tmp_path})
    assert f"password-file = {tmp_path}/password" in out and "TopSecret" not in out


def test_faults_are_told_instead(conf):
    status, out, err = run("config", "--config", conf("concurrent = many\n"))
    assert (status, out) == (2, "") and "line 1; accepted: a whole number" in err


def test_nothing_is_started_or_made(tmp_path):
    run("config", "--state-dir", tmp_path / "state", "--logger-output", tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


# ---- a file with every option ----

def test_the_example_has_every_option(conf):
    status, out, err = run("config", "--example")
    assert (status, err) == (0, "")
    named = re.findall(r"^#([a-z-]+) = .", out, re.MULTILINE)
    assert set(named) == options_of_help() - {"help", "version", "check-config", "example", "config"}
    assert len(set(named)) == len(named)
    assert all(line.startswith("#") or not line for line in out.splitlines())


def test_the_example_changes_nothing_and_can_be_switched_on(conf):
    example = run("config", "--example")[1]
    before = in_force()
    before.pop("config")
    found = in_force("--config", conf(example))
    found.pop("config")
    assert found == before
    switched = re.sub(r"^#([a-z-]+ = (?![A-Z:|]+$))", r"\1", example, flags=re.MULTILINE)  # not "option = KIND"
    found = in_force("--config", conf(switched))
    assert found["concurrent"][0] == "2" and found["concurrent"][1].startswith(str(conf(switched)))
    assert {name: value for name, (value, _origin) in found.items() if name != "config"} == \
        {name: value for name, (value, _origin) in before.items()}


# ---- errors in a file ----

def test_a_good_file(conf, tmp_path):
    path = conf("concurrent = 4\n# memory = lots\n")
    status, out, err = run("--check-config", path)
    assert (status, err) == (0, "") and str(path) in out
    assert list(tmp_path.iterdir()) == [path]


def test_all_that_is_wrong_with_a_file_is_told(conf):
    path = conf("concurrent = many\nbackend-ulr = http://x\nnonsense\nsandbox = bwarp\ncheck-config = x\n")
    # an option that overrides the file does not hide its errors
    status, out, err = run("--check-config", path, "--concurrent=3", env={"OSTEST_SANDBOX": "none"})
    assert (status, out) == (2, "")
    for said in (f"--concurrent: 'many' was given in {path}, line 1; accepted: a whole number",
                 f"{path}, line 2: unknown option 'backend-ulr'; did you mean backend-url?",
                 f"{path}, line 3: expected 'option = value'",
                 f"--sandbox: 'bwarp' was given in {path}, line 4; accepted: auto, bwrap, none; did you mean bwrap?",
                 f"{path}, line 5: unknown option 'check-config'"):
        assert said in err
    assert len(err.splitlines()) == 5


def test_a_file_that_is_not_there(tmp_path):
    status, _out, err = run("--check-config", tmp_path / "none.conf")
    assert status == 2 and "there is no such file" in err
