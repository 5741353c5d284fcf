import os, time, pathlib, resource, json, shutil
import pytest, harness
from test_cluster_faults import *

def test_away(start, slurm, small, barrier, tmp_path):
    mock, runner = start([harness.task(1, small.student("pass", barrier.script)), harness.task(2, small.student("pass"))], "--slurm-grace", "2")
    barrier.wait()
    time.sleep(1)
    (tmp_path/"state").rename(tmp_path/"away")
    time.sleep(1)
    barrier.open(3)
    time.sleep(8)
    print(runner.log[-3000:])
    (tmp_path/"away").rename(tmp_path/"state")
    mock.results(2)
    runner.stop()
    print("=====\n", runner.log[-3000:])
    print(mock.results())
    assert 0

def test_many(start, slurm, small, tmp_path, barrier):
    # 10000 foreign jobs, 1024 slots of held jobs
    slurm.write("foreign", "".join(f"{i}|RUNNING|n{i%50}|None|job-of-somebody-{i}\n" for i in range(10000)))
    slurm.write("bin/squeue", SQUEUE + 'cat foreign\n')
    slurm.write("bin/squeue", '''#!/usr/bin/python3
import os, sys
d=os.environ["SLURM_FAKE"]; os.chdir(d)
open("squeue.calls","a").write("x\\n")
for f in os.listdir("queue"): print(f"7|PENDING|n1|None|{f}")
sys.stdout.write(open("foreign").read())
''')
    slurm.write("hold")
    st = small.student()
    mock, runner = start([harness.task(i, st) for i in range(1024)], "--concurrent", 1024, "--slurm-poll", "1")
    end = time.monotonic() + 120
    while len(list((slurm.dir/"queue").iterdir())) < 1024 and time.monotonic() < end:
        time.sleep(1)
    print("submitted", len(list((slurm.dir/"queue").iterdir())), 120-(end-time.monotonic()))
    pid = runner.process.pid
    def cpu():
        f = open(f"/proc/{pid}/stat").read().rsplit(")",1)[1].split(); return (int(f[11]), int(f[12]))
    def rss(): return [l for l in open(f"/proc/{pid}/status") if "VmRSS" in l or "VmHWM" in l]
    a = cpu(); n = len(slurm.calls("squeue")); t=time.monotonic(); r0=rss()
    time.sleep(20)
    b = cpu(); print("cpu ticks in 20s", a, b, "polls", len(slurm.calls("squeue"))-n, r0, rss(), "fds", len(os.listdir(f"/proc/{pid}/fd")))
    runner.stop(); 
    print(runner.log[-600:])
    assert 0
