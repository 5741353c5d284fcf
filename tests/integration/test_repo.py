"""Branches, commits and mirrors: what is fetched, and exactly one commit is tested."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from gitserver import breaks_off, fails
from harness import CLEAN_ENV, JOB, Repository, git, wait_until
from jobs import CAUSE, entries, printing

# Prints the files of the tree and the contents of the file "text".
LOOK = printing("[sorted(os.listdir(src)), open(src + '/text').read()]")


@pytest.fixture
def repo(make_repo):
    return make_repo("student", {"text": "first"})


@pytest.fixture
def suite(make_suite):
    return make_suite(LOOK)


@pytest.fixture
def tested(run_job, repo, suite):
    """tested(branch): returns the text that the suite sees on this branch."""
    def run(*branch, options=()):
        job = run_job({"repositoryUrl": str(repo)} | ({"branch": branch[0]} if branch else {}), suite, *options)
        run.job = job
        return job.printed[1] if job.passed else None
    return run


def mirror_of(cache, name="student"):
    [mirror] = cache.glob(f"repos/{name}-*.git")
    return mirror


def objects(mirror):
    lines = git("count-objects", "-v", cwd=mirror).splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["count"]) + int(counts["in-pack"])


# ---- which commit


def test_the_commit_of_the_branch_is_tested_and_logged(tested, repo):
    commit = git("rev-parse", "main", cwd=repo.path)
    git("checkout", "--quiet", "-b", "other", cwd=repo.path)
    repo.commit({"text": "second", "more": ""})
    assert tested("main") == "first"
    assert tested.job.printed[0] == ["text"]
    assert tested.job.commit_of(repo) == commit


def test_the_suites_commit_is_logged_too(tested, suite):
    tested("main")
    assert tested.job.commit_of(suite) == git("rev-parse", "main", cwd=suite.path)


def test_a_branch_of_the_suite(run_job, repo, make_suite):
    suite = make_suite("write(report)")
    git("checkout", "--quiet", "-b", "next", cwd=suite.path)
    suite.commit({"run.py": (suite.path / "run.py").read_text().replace("write(report)", LOOK)})
    git("checkout", "--quiet", "main", cwd=suite.path)
    assert run_job(repo, suite, "--tests-branch", "next").passed


@pytest.mark.parametrize("branch", [(), (None,), ("",)], ids=["missing", "null", "empty"])
def test_without_a_branch_the_default_one_is_tested(tested, repo, branch):
    git("checkout", "--quiet", "-b", "trunk", cwd=repo.path)
    repo.commit({"text": "of trunk"})
    git("branch", "-D", "main", cwd=repo.path)
    assert tested(*branch) == "of trunk"


def test_the_default_branch_can_change(tested, repo):
    assert tested() == "first"
    git("checkout", "--quiet", "-b", "trunk", cwd=repo.path)
    repo.commit({"text": "of trunk"})
    assert tested() == "of trunk"


@pytest.mark.parametrize("kind", [["tag", "v1"], ["tag", "-a", "-m", "first version", "v1"]], ids=["light", "annotated"])
def test_a_tag_where_there_is_no_such_branch(tested, repo, kind):
    git(*kind, cwd=repo.path)
    repo.commit({"text": "second"})
    assert tested("v1") == "first"


def test_a_branch_wins_over_a_tag_of_its_name(tested, repo):
    git("tag", "v1", cwd=repo.path)
    git("checkout", "--quiet", "-b", "v1", cwd=repo.path)
    repo.commit({"text": "of the branch"})
    assert tested("v1") == "of the branch"


@pytest.mark.parametrize("branch", ["feature/лаба-1", "a.b", "HEAD", "@", "it's", "$(id)", "x;y", "refs/heads/main",
                                    "ostest/default"])
def test_unusual_branch_names(tested, repo, branch):
    repo.commit({"text": "second"})
    git("update-ref", f"refs/heads/{branch}", "HEAD~1", cwd=repo.path)
    assert tested(branch) == "first"
    assert f"branch={branch} " in tested.job.log


# ---- the mirror


def test_a_second_task_fetches_only_what_is_new(tested, repo, cache):
    tested("main")
    mirror = mirror_of(cache)
    inode, before = mirror.stat().st_ino, objects(mirror)
    commit = repo.commit({"text": "second"})
    assert tested("main") == "second"
    assert tested.job.commit_of(repo) == commit
    assert mirror.stat().st_ino == inode
    assert objects(mirror) == before + 3  # a commit, a tree, a file


def test_what_is_there_is_not_sent_again(run_job, suite, repo, git_server):
    repo.commit({"large": os.urandom(300_000)})
    task = {"repositoryUrl": f"{git_server.url}/student"}
    sent = []

    def counting(handler):
        sent.append(len(handler.backend()[1]))
        handler.git()
    git_server.usual = counting
    assert run_job(task, suite).passed
    assert sum(sent) > 300_000
    sent.clear()
    repo.commit({"text": "second"})
    assert run_job(task, suite).passed
    assert 0 < sum(sent) < 10_000


def test_two_urls_have_two_mirrors(run_job, make_repo, suite, cache):
    for place in ["a/proxy", "b/proxy"]:
        (pathlib.Path(suite.path).parent / place).parent.mkdir()
        repo = make_repo(place, {"text": place})
        assert run_job(repo, suite).printed[1] == place
    assert len(list(cache.glob("repos/proxy-*.git"))) == 2


def test_force_pushed_branch(tested, repo):
    repo.commit({"text": "second", "old": ""})
    assert tested("main") == "second"
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=repo.path)
    commit = repo.commit({"text": "another second"})
    assert tested("main") == "another second"
    assert tested.job.commit_of(repo) == commit and tested.job.printed[0] == ["text"]


def test_deleted_branch(tested, repo):
    git("branch", "gone", cwd=repo.path)
    assert tested("gone") == "first"
    git("branch", "-D", "gone", cwd=repo.path)
    with pytest.raises(AssertionError):
        tested("gone")
    assert "has no branch 'gone'" in tested.job.error


def test_a_branch_becomes_a_directory_of_branches_and_back(tested, repo, cache):
    git("branch", "a", cwd=repo.path)
    assert tested("a") == "first"
    inode = mirror_of(cache).stat().st_ino
    git("branch", "-D", "a", cwd=repo.path)
    git("checkout", "--quiet", "-b", "a/b", cwd=repo.path)
    repo.commit({"text": "of a/b"})
    assert tested("a/b") == "of a/b"
    git("checkout", "--quiet", "main", cwd=repo.path)
    git("branch", "-D", "a/b", cwd=repo.path)
    git("branch", "a", cwd=repo.path)
    assert tested("a") == "first" and mirror_of(cache).stat().st_ino == inode


def test_a_sha256_repository(run_job, suite, tmp_path):
    git("init", "--quiet", "--object-format=sha256", tmp_path / "sha256")
    repo = Repository(tmp_path / "sha256", {"text": "with long names"})
    job = run_job(repo, suite)
    assert job.passed and job.printed[1] == "with long names"
    assert job.commit_of(repo) == git("rev-parse", "HEAD", cwd=repo.path)


def test_a_repository_made_anew_with_another_object_format(run_job, suite, tmp_path):
    for count, object_format in enumerate(["sha1", "sha256", "sha1", "sha256"]):
        shutil.rmtree(tmp_path / "again", ignore_errors=True)
        git("init", "--quiet", f"--object-format={object_format}", tmp_path / "again")
        job = run_job(Repository(tmp_path / "again", {"text": str(count)}), suite)
        assert job.passed and job.printed[1] == str(count)


@pytest.fixture(params=["file", "http"])
def shallow(request, tmp_path, repo, git_server):
    """shallow(): makes a new clone of the student's repository with only its last commit;
    shallow.url is its URL."""
    path = tmp_path / "repos" / "shallow"

    def clone():
        shutil.rmtree(path, ignore_errors=True)
        git("clone", "--quiet", "--depth", 1, f"file://{repo}", path)
        assert (path / ".git" / "shallow").exists()
    clone.path = path
    clone.url = {"file": f"file://{path}", "http": f"{git_server.url}/shallow"}[request.param]
    return clone


def test_a_shallow_repository(run_job, suite, repo, shallow):
    for text in ["second", "third", "fourth"]:  # its boundary moves; the mirror may or may not have the commits below it
        repo.commit({"text": text})
        shallow()
        job = run_job({"repositoryUrl": shallow.url, "branch": "main"}, suite)
        assert job.passed and job.printed[1] == text
    git("fetch", "--quiet", "--unshallow", cwd=shallow.path)
    Repository(shallow.path, {"text": "fifth"})
    assert run_job(shallow.url, suite).printed[1] == "fifth"


def test_a_repository_becomes_shallow(run_job, suite, repo, shallow):
    git("clone", "--quiet", f"file://{repo}", shallow.path)
    assert run_job(shallow.url, suite).printed[1] == "first"
    repo.commit({"text": "second"})
    repo.commit({"text": "third"})
    shallow()
    assert run_job(shallow.url, suite).printed[1] == "third"


def test_a_tag_of_a_shallow_repository(run_job, suite, repo, shallow):
    repo.commit({"text": "second"})
    shallow()
    git("tag", "-a", "-m", "first version", "v1", cwd=shallow.path)
    assert run_job({"repositoryUrl": shallow.url, "branch": "v1"}, suite).printed[1] == "second"


def test_a_shallow_suite(run_job, repo, suite, tmp_path):
    suite.commit({"more": ""})
    git("clone", "--quiet", "--depth", 1, f"file://{suite}", tmp_path / "shallow")
    assert run_job(repo, f"file://{tmp_path}/shallow").passed


# ---- git LFS: the tests see pointers

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0a' * 32}\nsize 12345\n"
FAILING = """write("<testsuite><testcase name='t'><failure>no picture</failure></testcase></testsuite>")"""


@pytest.mark.parametrize("attributes", ["", "*.png filter=lfs diff=lfs merge=lfs -text\n", "* text eol=crlf\n"])
def test_a_pointer_of_lfs_is_told(run_job, repo, make_suite, attributes):
    repo.commit({"data/picture.png": POINTER, ".gitattributes": attributes})
    job = run_job(repo, make_suite(FAILING))
    assert "git LFS are not fetched" in job.result["errorDetails"] and "data/picture.png" in job.result["errorDetails"]
    assert not job.result["isError"] and "class=" not in job.log and "warning Files stored with git LFS" in job.log
    [told] = [test["description"] for test in job.result["testResults"] if test["name"] == CAUSE]
    assert "data/picture.png" in told


def test_pointers_do_not_fail_a_run_that_passes(run_job, repo, make_suite):
    repo.commit({f"{i}.png": POINTER for i in range(3)})
    job = run_job(repo, make_suite())
    assert job.passed and "0.png and others" in job.log and len(job.result["testResults"]) == 1


@pytest.mark.parametrize("content", ["see https://git-lfs.github.com/spec/v1" + " " * 200, POINTER[:80], POINTER + "x" * 1024])
def test_what_is_no_pointer_of_lfs(run_job, repo, suite, content):
    repo.commit({"notes": content})
    assert "LFS" not in run_job(repo, suite).log


def test_a_pointer_of_lfs_in_the_suite(run_job, repo, make_suite):
    job = run_job(repo, make_suite(files={"picture.png": POINTER}))
    assert job.passed and "warning The test suite: Files stored with git LFS" in job.log and not job.result["errorDetails"]


# ---- repositories that cannot be tested: an error with the reason


def test_missing_branch(run_job, repo, suite):
    job = run_job({"repositoryUrl": str(repo), "branch": "mian"}, suite)
    assert job.error == f"{repo} has no branch 'mian'"


def test_empty_repository(run_job, make_repo, suite):
    assert "is empty" in run_job(make_repo("empty"), suite).error


def test_empty_repository_with_a_branch_asked_for(run_job, make_repo, suite):
    job = run_job({"repositoryUrl": str(make_repo("empty")), "branch": "main"}, suite)
    assert "has no branch 'main'" in job.error


def test_a_commit_without_files(run_job, make_suite, make_repo):
    repo = make_repo("bare", {})
    assert run_job(repo, make_suite(printing("os.listdir(src)"))).printed == []


def test_repository_that_does_not_exist(run_job, suite, tmp_path):
    assert "does not exist" in run_job(tmp_path / "nowhere", suite).error


def test_a_directory_that_is_no_repository(run_job, suite, tmp_path):
    (tmp_path / "plain").mkdir()
    assert "not a git repository" in run_job(tmp_path / "plain", suite).error


def test_an_error_of_the_suites_repository_is_not_the_students(run_job, repo, tmp_path):
    error = run_job(repo, tmp_path / "nowhere").error
    assert error.startswith("The test suite") and str(repo) not in error


def test_missing_branch_of_the_suite(run_job, repo, suite):
    error = run_job(repo, suite, "--tests-branch", "next").error
    assert error.startswith("The test suite") and "'next'" in error


# ---- damage in the cache


def empty_all(paths):
    count = 0
    for path in paths:
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")
            count += 1
    assert count


def halve_all(paths):
    for path in paths:
        if path.is_file():
            path.chmod(0o644)
            os.truncate(path, path.stat().st_size // 2)


DAMAGES = {
    "no-head": lambda mirror: (mirror / "HEAD").unlink(missing_ok=True),
    "no-config": lambda mirror: (mirror / "config").unlink(missing_ok=True),
    "bad-config": lambda mirror: (mirror / "config").write_text("[core\n"),
    "no-objects": lambda mirror: shutil.rmtree(mirror / "objects", ignore_errors=True),
    "empty-directory": lambda mirror: (shutil.rmtree(mirror), mirror.mkdir()),
    "a-file": lambda mirror: (shutil.rmtree(mirror), mirror.write_text("")),
    "empty-objects": lambda mirror: empty_all((mirror / "objects" / "pack").glob("*.pack")),
    "truncated-objects": lambda mirror: halve_all((mirror / "objects" / "pack").glob("*.pack")),
    "empty-refs": lambda mirror: empty_all((mirror / "refs" / "ostest").iterdir()),
    "wrong-ref": lambda mirror: [ref.write_text("f" * 40 + "\n") for ref in (mirror / "refs" / "ostest").iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_mirror_is_made_anew(tested, repo, cache, damage):
    assert tested("main") == "first"
    DAMAGES[damage](mirror_of(cache))
    assert tested("main") == "first"
    DAMAGES[damage](mirror_of(cache))
    repo.commit({"text": "second", "more": "x"})
    assert tested("main") == "second"


@pytest.mark.parametrize("damage", ["no-head", "bad-config", "a-file", "no-objects", "empty-objects", "wrong-ref"])
def test_a_damaged_mirror_of_the_suite_is_made_anew(tested, suite, cache, damage):
    assert tested("main") == "first"
    DAMAGES[damage](mirror_of(cache, "suite"))
    assert tested("main") == "first"
    DAMAGES[damage](mirror_of(cache, "suite"))
    suite.commit({"run.py": (suite.path / "run.py").read_text() + "print('new')\n"})
    assert tested("main") == "first"
    assert tested.job.stdout.endswith("new\n")


@pytest.mark.parametrize("damage", ["no-objects", "empty-objects"])
def test_a_damaged_mirror_of_the_suite_whose_tree_is_gone(tested, suite, cache, damage):
    assert tested("main") == "first"
    DAMAGES[damage](mirror_of(cache, "suite"))
    for path in cache.iterdir():
        if path.name != "repos":
            shutil.rmtree(path)
    assert tested("main") == "first"


@pytest.mark.parametrize("ending", ["pack", "idx"])
def test_a_damaged_pack_is_made_anew(tested, repo, cache, ending):
    repo.commit({f"file{i}": f"content {i}" for i in range(200)})  # enough objects to stay in a pack
    assert tested("main") == "first"
    halve_all((mirror_of(cache) / "objects" / "pack").glob(f"*.{ending}"))
    assert tested("main") == "first"


def test_a_damaged_object_that_only_the_checkout_meets(tested, repo, cache):
    tested("main")
    mirror = mirror_of(cache)
    for pack in (mirror / "objects" / "pack").iterdir():
        moved = mirror / pack.name
        pack.rename(moved)
        if moved.suffix == ".pack":  # every object in its own file
            subprocess.run(["git", "--git-dir", mirror, "unpack-objects", "-q"], stdin=moved.open("rb"), check=True)
        moved.unlink()
    name = git("rev-parse", "main:text", cwd=repo.path)
    path = mirror / "objects" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"nonsense")
    assert tested("main") == "first"


@pytest.mark.parametrize("name", ["HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock", "refs/ostest/{ref}.lock"])
def test_stale_locks_in_a_mirror(tested, repo, cache, name):
    tested("main")
    mirror = mirror_of(cache)
    [ref] = os.listdir(mirror / "refs" / "ostest")
    (mirror / name.format(ref=ref)).write_text("")
    repo.commit({"text": "second"})
    assert tested("main") == "second"


@pytest.mark.parametrize("name", ["objects/pack/tmp_pack_a1b2c3", "objects/pack/tmp_idx_a1b2c3", "objects/ab/tmp_obj_a1b2c3"])
def test_what_a_killed_git_left_in_a_mirror_is_removed(tested, repo, cache, name):
    tested("main")
    leftover = mirror_of(cache) / name
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_text("left over")
    repo.commit({"text": "second"})
    assert tested("main") == "second"
    assert not leftover.exists()


def test_a_stale_lock_of_the_machine(tested, cache, repo):
    tested("main")
    pathlib.Path(f"{mirror_of(cache)}.lock").write_text("")
    assert tested("main") == "first"


@pytest.mark.parametrize("leftover", ["src.index", "src.index.lock", "src.credentials", "src.credentials.tmp", "tests.credentials",
                                      "result.json.tmp"])
def test_what_a_killed_job_left_in_its_directory(start_job, repo, suite, tmp_path, leftover):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / leftover).write_text("left over")
    job = start_job(repo, suite, directory=tmp_path / "job")
    assert job.wait() == 0 and job.passed  # wait() asserts that nothing remains


@pytest.mark.parametrize("leftover", ["src.index.lock", "src.credentials"])
def test_clean_removes_what_a_killed_job_left(start_job, repo, suite, tmp_path, leftover):
    for name in ["job/src/file", f"job/{leftover}", "job/home/file"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("left over")
    job = start_job(repo, suite, "--clean", directory=tmp_path / "job")
    assert job.wait() == 0 and job.result is None


def half_packs(cache):
    return list(mirror_of(cache).glob("objects/pack/tmp_*"))


def test_a_job_killed_in_the_middle_of_a_fetch(run_job, start_job, repo, suite, git_server, cache):
    repo.commit({f"file{i}": os.urandom(1000) for i in range(200)})
    task = {"repositoryUrl": f"{git_server.url}/student"}
    git_server.faults = [lambda handler: handler.git(), lambda handler: handler.git(), git_server.hangs_in_the_middle]
    job = start_job(task, suite)
    git_server.wait_requests(4)
    wait_until(lambda: half_packs(cache), "git does not write what it fetches")
    job.kill()
    assert run_job(task, suite).passed
    assert not half_packs(cache), "a killed fetch left its pack"


def test_two_jobs_on_a_new_repository_at_the_same_time(start_job, repo, suite, cache):
    jobs = [start_job(repo, suite) for _ in range(4)]
    assert [job.wait() for job in jobs] == [0] * 4
    assert all(job.passed for job in jobs)
    assert sorted(path.name.split("-")[0] for path in entries(cache / "repos")) == ["student", "suite"]
    assert not list(cache.rglob("*.lock")) and not list(cache.rglob("*.new"))


def test_paths_may_be_relative(repo, suite, tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "task.json").write_text(json.dumps({"id": 1, "repositoryUrl": str(repo)}))
    subprocess.run([JOB, "--cache-dir", "cache", "--tests-url", str(suite), "--git-protocols", "file", "--sandbox", "none",
                    "job"],
                   cwd=tmp_path, env=CLEAN_ENV, check=True, capture_output=True)
    result = json.loads((tmp_path / "job" / "result.json").read_text())
    assert result["isPassed"], result


def test_a_fault_of_the_network_keeps_the_mirror(run_job, repo, suite, git_server, cache):
    task = {"repositoryUrl": f"{git_server.url}/student"}
    assert run_job(task, suite).passed
    inode = mirror_of(cache).stat().st_ino
    for fault in [fails(503), breaks_off]:
        git_server.faults = [fault]
        assert run_job(task, suite).passed
        assert mirror_of(cache).stat().st_ino == inode


@pytest.mark.parametrize("cpus, threads", [("0.5", 1), ("1", 1), ("3.5", 3)])
def test_fetching_keeps_to_the_processors_of_a_task(tested, run_job, repo, suite, tmp_path, cpus, threads):
    """git would otherwise unpack with a thread for each processor of the machine."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/words\nexec {shutil.which("git")} "$@"\n')
    (tmp_path / "bin/git").chmod(0o755)
    job = run_job({"repositoryUrl": str(repo)}, suite, "--cpus", cpus, env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    assert job.passed
    fetches = [line for line in (tmp_path / "words").read_text().splitlines() if " fetch " in line]
    assert fetches and all(f"-c pack.threads={threads} " in line for line in fetches)
