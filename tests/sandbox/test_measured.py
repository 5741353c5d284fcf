"""The usage of each test is measured: memory within 10 % and 2 MiB, CPU time within 10 % and 20 ms.

The program below uses exactly the given amounts. A test in which it uses nothing shows the cost of
starting it; a first test loads its files into memory, which would be charged to the first user.
"""

import math
import re

import pytest

import harness
from sandboxed import measured

MIB = 1 << 20
# On an emulated processor, time passes while the emulator waits.
OVERHEAD_MS, SHARE = (20, 0.1) if harness.TIMEOUT <= 60 else (200, 0.5)

USE_C = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static void burn(long ms)
{
    struct timespec t = {0};
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms)
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
}
static void touch(char *p, size_t len)
{
    for (size_t i = 0; i < len; i += 4096)
        p[i] = 1;
}
/* use HOW AMOUNT: then says so, and stays until its input ends. */
int main(int argc, char **argv)
{
    size_t len = strtoul(argv[2], NULL, 10) << 20;
    char c;
    if (strcmp(argv[1], "malloc") == 0)
        touch(malloc(len + 1), len);
    else if (strcmp(argv[1], "mmap") == 0)
        touch(mmap(NULL, len + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), len);
    else if (strcmp(argv[1], "shared") == 0)
        touch(mmap(NULL, len + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), len);
    else if (strcmp(argv[1], "untouched") == 0)
        mmap(NULL, len + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else
        burn(atol(argv[2]));
    if (write(1, "x", 1) != 1)
        return 1;
    return read(0, &c, 1) != 0;
}
"""

CHECKS = r"""
USE = "/tmp/use"
MIB = 1 << 20
def use(how, amount, processes=1):
    started = [subprocess.Popen([USE, how, str(amount)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
               for _ in range(processes)]
    for process in started:
        assert process.stdout.read(1) == b"x"
    for process in started:
        process.communicate()
        assert process.returncode == 0
def fill(path, mib):
    with open(path, "wb", buffering=0) as file:
        for _ in range(mib):
            file.write(bytes(MIB))

def test_warm_up():
    subprocess.run(["gcc", "-O1", "-o", USE, SRC + "/use.c"], check=True)
    for how in ["malloc", "mmap", "shared", "untouched", "cpu"]:
        use(how, 1, 4)
def test_nothing():
    pass
@pytest.mark.parametrize("processes", [1, 4])
def test_start(processes):
    use("malloc", 0, processes)
@pytest.mark.parametrize("mib", [1, 16, 100, 400])
@pytest.mark.parametrize("how", ["malloc", "mmap", "shared"])
def test_memory(how, mib):
    use(how, mib)
@pytest.mark.parametrize("mib", [1, 25, 100])
def test_four_at_a_time(mib):
    use("malloc", mib, 4)
def test_one_after_the_other():
    for _ in range(3):
        use("malloc", 50)
def test_untouched():
    use("untouched", 400)
@pytest.mark.parametrize("mib", [16, 100])
@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "/box/home"])
def test_file(place, mib):
    fill(place + "/file", mib)
    os.unlink(place + "/file")
def test_kept():
    fill("/tmp/kept", 60)
def test_after_kept():
    pass
def test_drops_what_was_kept():
    os.unlink("/tmp/kept")
    use("malloc", 80)
def test_in_pytest_itself():
    text = b"x" * (100 * MIB)
@pytest.mark.parametrize("ms", [100, 500])
def test_cpu(ms):
    use("cpu", ms)
def test_cpu_of_three():
    use("cpu", 200, 3)
def test_cpu_of_pytest_itself():
    start = time.process_time()
    while time.process_time() - start < 0.3:
        pass
def test_waiting_is_no_work():
    time.sleep(0.3)
@pytest.fixture
def busy():
    use("cpu", 200)
    yield
    use("cpu", 200)
def test_cpu_of_a_fixture(busy):
    pass
@pytest.fixture
def large():
    use("malloc", 50)
def test_memory_of_a_fixture(large):
    pass
"""


@pytest.fixture(scope="module")
def job(site):
    job = site.pytest(CHECKS, files={"use.c": USE_C})
    assert job.passed, job.result
    return job


@pytest.fixture(scope="module")
def figures(job):
    return measured(job)


def check_memory(site, figures, name, mib, start="test_start[1]"):
    memory = figures[name][0]
    if not site.is_measured:
        assert memory == 0
        return
    used = (memory - figures[start][0]) / MIB
    assert abs(used - mib) <= 0.1 * mib + 2, f"{name} used {mib} MiB, measured {used:.1f} MiB"


def check_cpu(figures, name, ms, start="test_start[1]"):
    used = figures[name][1] - figures[start][1]
    assert abs(used - ms) <= SHARE * ms + OVERHEAD_MS, f"{name} used {ms} ms, measured {used} ms"


def test_every_test_is_in_the_log(job, figures):
    assert sorted(figures) == sorted(name.split("::")[1] for name in job.tests)


@pytest.mark.parametrize("mib", [1, 16, 100, 400])
@pytest.mark.parametrize("how", ["malloc", "mmap", "shared"])
def test_memory_of_one_process(site, figures, how, mib):
    check_memory(site, figures, f"test_memory[{how}-{mib}]", mib)


@pytest.mark.parametrize("mib", [1, 25, 100])
def test_memory_of_four_processes_at_the_same_time(site, figures, mib):
    check_memory(site, figures, f"test_four_at_a_time[{mib}]", 4 * mib, "test_start[4]")


def test_memory_of_processes_one_after_the_other(site, figures):
    check_memory(site, figures, "test_one_after_the_other", 50)


def test_memory_that_was_not_touched_does_not_count(site, figures):
    check_memory(site, figures, "test_untouched", 0)


@pytest.mark.parametrize("mib", [16, 100])
@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "/box/home"])
def test_memory_of_files(site, figures, place, mib):
    check_memory(site, figures, f"test_file[{place}-{mib}]", mib, "test_nothing")


def test_what_an_earlier_test_has_left_does_not_count(site, figures):
    check_memory(site, figures, "test_kept", 60, "test_nothing")
    check_memory(site, figures, "test_after_kept", 0, "test_nothing")


def test_memory_of_pytest_itself(site, figures):
    check_memory(site, figures, "test_in_pytest_itself", 100, "test_nothing")


def test_memory_of_a_fixture(site, figures):
    check_memory(site, figures, "test_memory_of_a_fixture", 50)


def test_a_test_without_work_shows_nearly_nothing(figures):
    memory, cpu = figures["test_nothing"]
    assert memory <= 2 * MIB and cpu <= OVERHEAD_MS


@pytest.mark.parametrize("ms", [100, 500])
def test_cpu_time_of_one_process(figures, ms):
    check_cpu(figures, f"test_cpu[{ms}]", ms)


def test_cpu_time_of_three_processes(figures):
    check_cpu(figures, "test_cpu_of_three", 600, "test_start[4]")


def test_cpu_time_of_pytest_itself(figures):
    check_cpu(figures, "test_cpu_of_pytest_itself", 300, "test_nothing")


def test_waiting_is_no_cpu_time(figures):
    check_cpu(figures, "test_waiting_is_no_work", 0, "test_nothing")


def test_cpu_time_of_a_fixture(figures):
    check_cpu(figures, "test_cpu_of_a_fixture", 400)


# ---- the result


def test_memory_used_is_what_the_log_says_in_megabytes(job, figures):
    for name, test in job.tests.items():
        assert test["memoryUsed"] == math.ceil(figures[name.split("::")[1]][0] / MIB), name


def test_without_control_groups_memory_used_is_0_and_the_log_says_why(site, job):
    if site.is_measured:
        pytest.skip("control groups are available")
    assert {test["memoryUsed"] for test in job.tests.values()} == {0}
    assert re.search("^debug no control groups: .", job.log, re.MULTILINE)
    with site.mock() as mock, site.runner(mock) as runner:
        line = runner.wait_log("memoryUsed is 0")
        mock.state(requests_total=1)
        assert runner.stop() == 0
    assert "WARNING" in line and "--memory is watched by samples only: " in line
    assert runner.hits(" sandbox=bwrap cgroups=none")


@pytest.mark.parametrize("unit, factor", [("B", 1), ("KB", 1024)])
def test_other_units(any_site, unit, factor):
    if not any_site.is_measured:
        pytest.skip("only control groups measure memory")
    job = any_site.pytest("def test_one():\n    bytearray(b'x' * (20 << 20))\n", "--memory-unit", unit)
    [test] = job.tests.values()
    assert test["memoryUsed"] == math.ceil(measured(job)["test_one"][0] / factor) >= 36 * MIB / factor


def test_a_test_that_is_killed_for_its_memory_shows_the_limit(any_site):
    if not any_site.is_measured:
        pytest.skip("only control groups measure memory")
    job = any_site.pytest("""
def test_hungry():
    subprocess.run([sys.executable, "-c", "x = b'x' * (400 << 20)"])
def test_small():
    subprocess.run(["true"])
""", "--memory", "200M")
    memory = {name: value / MIB for name, (value, _) in measured(job).items()}
    assert 100 < memory["test_hungry"] <= 200 and memory["test_small"] < 10
