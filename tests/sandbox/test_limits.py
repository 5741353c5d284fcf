"""Each limit holds, protects the machine, and has its sentence in errorDetails."""

import os
import re
import socket

import pytest

import harness
import jobs
from sandboxed import outcomes_of

MIB = 1 << 20


def details(job):
    """Returns errorDetails, which may also have sentences next to a verdict."""
    return job.result["errorDetails"]


# ---- memory

HUNGRY = """
def test_before():
    pass
def test_hungry():
    done = subprocess.run([sys.executable, "-c", "x = b'x' * (200 << 20)"])
    assert done.returncode == 0, f"ended with {done.returncode}"
def test_after():
    pass
"""


def test_a_program_that_takes_too_much_memory_is_killed(site):
    if not site.is_measured:
        pytest.skip("without control groups sampling enforces the limit: see the next test")
    job = site.pytest(HUNGRY, "--memory", "128M")
    tests = outcomes_of(job)
    assert [name for name, (is_passed, _) in tests.items() if not is_passed] == ["test_hungry"]
    assert "ended with -9" in tests["test_hungry"][1]
    assert details(job) == "The limit of 128 MB of memory was reached: 1 processes were killed"
    assert not job.result["isError"] and not job.result["isPassed"]


def test_without_control_groups_samples_end_the_run(site):
    if site.is_measured:
        pytest.skip("control groups enforce the limit: see the previous test")
    job = site.pytest(HUNGRY.replace("<< 20)", "<< 20); import time; time.sleep(1000)"), "--memory", "128M")
    assert job.error == "The tests used more than 128 MB of memory and were stopped; test_it::test_hungry was running"
    tests = outcomes_of(job)
    assert tests["test_before"] == (True, "") and tests["test_after"] == (False, "not run")
    assert tests["test_hungry"] == (False, "Was running when the limit of 128 MB of memory for all tests was passed")


# In a program, and in pytest itself, which no other process in the sandbox can inspect.
SHARED = """
import textwrap
CODE = textwrap.dedent('''
    import os, time
    x = b"x" * (60 << 20)
    for _ in range(5):
        if not os.fork():
            time.sleep(0.5)
            os._exit(0)
    for _ in range(5):
        os.wait()
''')
def test_program():
    subprocess.run([sys.executable, "-c", CODE], check=True)
def test_pytest():
    exec(CODE)
"""


def test_memory_that_processes_share_counts_once(site):
    job = site.pytest(SHARED, "--memory", "200M", "--check-proc-interval", 0.01)
    assert job.passed and not details(job), job.log
    assert site.is_measured or int(re.search(r"peak_rss_mb=(\d+)", job.log)[1]) <= 200


def test_a_machine_without_memory_fails_nobody(any_site):
    """The machine has no memory left although the task is within its limit: an error, not a failed
    test."""
    if not any_site.is_measured:
        pytest.skip("only control groups tell why the kernel has killed a process")
    job = any_site.pytest(HUNGRY, "--memory", "1G", machine_mib=160)
    assert job.error == "The machine ran out of memory, and 1 processes of the job were killed"


def test_files_in_memory_count_as_memory(site):
    if not site.is_measured:
        pytest.skip("files in memory belong to no process: without control groups only --disk limits them")
    job = site.pytest("""
def test_fill():
    with open("/tmp/file", "wb") as file:
        for _ in range(200):
            file.write(bytes(1 << 20))
""", "--memory", "128M")
    assert "The limit of 128 MB of memory was reached" in details(job) and not job.result["isPassed"]


def test_pytest_itself_takes_too_much_memory(site):
    job = site.pytest("""
def test_before():
    pass
def test_hungry():
    x = [b"x" * (1 << 20) for _ in range(400)]
    time.sleep(1000)
""", "--memory", "128M")
    tests = outcomes_of(job)
    assert tests["test_before"] == (True, "") and not tests["test_hungry"][0]
    assert "128 MB of memory" in job.error and "test_it::test_hungry was running" in job.error


# ---- kernel limits for each user

TAKE_ALL = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
in_delete = 0x200
instances = []
while (fd := libc.inotify_init1(0)) >= 0:
    instances.append(fd)
watches = 0
for i in range(100000):
    pathlib.Path(f"/tmp/{i}").touch()
    if libc.inotify_add_watch(instances[0], f"/tmp/{i}".encode(), in_delete) < 0:
        break
    watches += 1
sys.stdout.flush()
"""


def test_inotify_is_limited_for_each_task(site):
    job = site.python(TAKE_ALL + "print(json.dumps([len(instances), watches])); write()")
    instances, watches = job.printed
    assert 2 < instances < 16 and 1000 < watches <= 4096


def test_a_task_runs_while_another_has_taken_all(site):
    name = f"hoarder-{os.getpid()}-{site.who}"
    hoarder = site.student({"run.py": jobs.PRELUDE + TAKE_ALL + f"os.execv('/bin/sleep', ['{name}', '1000'])"})
    with site.mock(tasks=[]) as mock, site.runner(mock, "--concurrent", "2") as runner:
        mock.add(harness.task(1, hoarder))
        harness.wait_until(lambda: harness.processes_with(name), "the other task does not have all")
        mock.add(harness.task(2, site.student({"run.py": jobs.PRELUDE + "write()"})))
        result = mock.results(1)[0]
        assert result["id"] == 2 and result["isPassed"], (result, runner.log)
    harness.wait_gone(name)  # otherwise it would count as a process of the next test's user


# ---- processes

MANY = """
def test_processes():
    started = []
    with pytest.raises(BlockingIOError):
        for _ in range(100):
            started.append(subprocess.Popen(["sleep", "1000"]))
    assert 30 <= len(started) <= 42  # ostest-init and the like may count
    for process in started:
        process.kill()
        process.wait()
def test_threads():
    done = subprocess.run([sys.executable, "-c", '''
import threading
event, threads = threading.Event(), []
try:
    for _ in range(100):
        threads.append(threading.Thread(target=event.wait))
        threads[-1].start()
except RuntimeError as e:
    print(len(threads) - 1, e)
event.set()
'''], stdout=subprocess.PIPE, text=True)
    number, words = done.stdout.split(" ", 1)
    assert words == "can't start new thread\\n" and 30 <= int(number) <= 42
def test_after():
    assert subprocess.run(["true"]).returncode == 0
"""


def test_too_many_processes_and_threads(site):
    job = site.pytest(MANY, "--pids", "40")
    assert all(is_passed for is_passed, _ in outcomes_of(job).values()), outcomes_of(job)
    assert details(job) == ("The limit of 40 processes and threads was reached" if site.is_measured else "")
    assert not job.result["isError"]


def test_as_many_processes_as_allowed_are_no_fault(site):
    job = site.pytest("""
def test_processes():
    started = [subprocess.Popen(["sleep", "1000"]) for _ in range(30)]
    for process in started:
        process.kill()
        process.wait()
""", "--pids", "40")
    assert job.passed and details(job) == ""


# ---- files

FILL = """
write()
path = pathlib.Path(PATH)
try:
    with open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
except OSError as e:
    print(json.dumps([e.strerror, path.stat().st_size]))
"""


def check_filled(job):
    assert job.passed and details(job) == "The limit of 20 MB for all files was reached"
    words, size = job.printed
    assert words == "No space left on device" and 19 * MIB < size < 20 * MIB


@pytest.mark.parametrize("path", ["/box/home/file", "/box/tests/file", "/dev/shm/file"])
def test_all_places_share_the_limit_for_files(any_site, path):
    check_filled(any_site.python(FILL.replace("PATH", repr(path)), "--disk", "20M"))


def test_disk(site):
    check_filled(site.python(FILL.replace("PATH", "'/tmp/file'"), "--disk", "20M"))


def test_a_report_that_found_no_room_is_an_error(site):
    job = site.pytest("""
def test_fill():
    with open("/tmp/file", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
""", "--disk", "10M")
    assert "The limit of 10 MB for all files was reached" in job.error and not job.result["isPassed"]


def test_inodes(site):
    job = site.python("""
write()
count = 0
try:
    while True:
        open(f"/tmp/{count}", "w").close()
        count += 1
except OSError as e:
    print(json.dumps([e.strerror, count]))
""", "--inodes", "2000")
    assert job.passed and details(job) == "The limit of 2000 files was reached"
    words, count = job.printed
    assert words == "No space left on device" and 1900 < count < 2000


def test_no_sentence_where_no_limit_was_hit(any_site):
    job = any_site.pytest("def test_one():\n    pathlib.Path('/tmp/f').write_bytes(bytes(15 << 20))\n", "--disk", "20M")
    assert job.passed and details(job) == ""


def test_files_that_do_not_fit_before_the_run(site):
    job = site.python("write()", "--disk", "3M", "--inodes", "1000", files={f"many/{i}": "" for i in range(1100)})
    assert re.search(r"exceed the limits of 3 MB and 1000 files|too many|limit", job.error), job.error


# ---- output, time


def test_output(site):
    job = site.python("""
for i in range(100):
    print("x" * 1023)
print("y" * 3000, file=sys.stderr)
write()
""", "--output", "50K")
    assert job.passed and details(job) == "The test run printed more than 50 KB; the rest was dropped"
    assert len(job.stdout) == 50 << 10


def test_time(site):
    job = site.pytest("""
def test_passes():
    pass
def test_fails():
    assert 1 == 2
def test_skipped():
    pytest.skip("not today")
def test_hangs():
    subprocess.Popen(["sleep", "1001"], start_new_session=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1001)
def test_later():
    pass
def test_last():
    pass
""", "--timeout", site.timeout)
    assert job.error == f"The tests took longer than {site.timeout} s and were stopped; test_it::test_hangs was running"
    tests = outcomes_of(job)
    assert list(tests) == ["test_passes", "test_fails", "test_skipped", "test_hangs", "test_later", "test_last"]
    assert tests["test_passes"] == (True, "")
    assert not tests["test_fails"][0] and "assert 1 == 2" in tests["test_fails"][1]
    assert tests["test_skipped"] == (False, "not today") or "not today" in tests["test_skipped"][1]
    assert tests["test_hangs"] == (False, f"Was running when the time limit of {site.timeout} s for all tests was reached")
    assert tests["test_later"] == tests["test_last"] == (False, "not run")
    assert job.result["duration"] >= 1000 * site.timeout


def test_time_of_a_suite_that_tells_nothing(any_site):
    job = any_site.python("subprocess.Popen(['sleep', '1001'])\ntime.sleep(1001)", "--timeout", any_site.timeout)
    assert job.error == f"The tests took longer than {any_site.timeout} s and were stopped" and job.tests == {}


def test_no_core_dumps(site):
    job = site.pytest("""
def test_crash():
    before = set(os.listdir("."))
    done = subprocess.run([sys.executable, "-c", "import os; os.abort()"])
    assert done.returncode == -signal.SIGABRT
    assert set(os.listdir(".")) == before
    status = os.waitpid(os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "kill -QUIT $$"), 0)[1]
    assert os.WTERMSIG(status) == signal.SIGQUIT and not os.WCOREDUMP(status)
def test_the_limit_cannot_be_raised():
    import resource
    with pytest.raises(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
""")
    assert job.passed, outcomes_of(job)


# ---- processors


def test_cpus(site):
    """With half a processor, the elapsed time of a busy program is twice its CPU time."""
    if not site.is_measured:
        pytest.skip("only control groups limit processors")
    job = site.pytest("""
def test_busy():
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < 0.5:
        pass
    assert time.monotonic() - wall > 0.8
""", "--cpus", "0.5")
    assert job.passed, outcomes_of(job)


# ---- network

CONNECT = """
import socket
def reach(*address):
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError as e:
        return e.strerror or str(e)
    return "yes"
print(json.dumps({"reached": reach("127.0.0.1", PORT), "interfaces": [name for _, name in socket.if_nameindex()],
                  "etc": sorted(os.listdir("/etc"))}))
write()
"""


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_nothing_of_the_hosts_network_is_reached(site, listening):
    job = site.python(CONNECT.replace("PORT", str(listening)))
    assert job.printed["reached"] == "Connection refused" and job.printed["interfaces"] == ["lo"]


def test_the_hosts_network_if_asked_for(site, listening):
    job = site.python(CONNECT.replace("PORT", str(listening)), "--network", "host")
    assert job.printed["reached"] == "yes"
    assert job.printed["interfaces"] == [name for _, name in socket.if_nameindex()]


def test_other_limits_hold_on_the_hosts_network(any_site):
    check_filled(any_site.python(FILL.replace("PATH", "'/tmp/file'"), "--disk", "20M", "--network", "host"))


# ---- no sandbox


def test_no_sandbox_is_said_at_every_start(any_site):
    with any_site.mock() as mock, any_site.runner(mock, "--sandbox", "none") as runner:
        line = runner.wait_log("--sandbox none")
        assert "WARNING" in line and "unconfined" in line
        mock.state(requests_total=1)
        assert runner.stop() == 0


def test_with_a_sandbox_it_is_not_said(any_site):
    with any_site.mock() as mock, any_site.runner(mock) as runner:
        mock.state(requests_total=1)
        assert runner.stop() == 0
    assert "sandbox=bwrap" in runner.log and "unconfined" not in runner.log
