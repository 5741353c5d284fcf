#!/usr/bin/env python3
"""Measures tasks on a cluster, against plain sbatch of the same command and one machine with as
many slots."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402 (sys.path is set above)
import slurm  # noqa: E402

TASKS = 200
SLOTS = 12  # the number of processors of the three nodes
POLL = 5  # the default


class Bench:
    def __init__(self, cluster, directory):
        self.cluster = cluster
        self.dir = directory
        self.small = harness.SmallCourse(directory)
        self.tasks = [harness.task(number, self.small.student()) for number in range(TASKS)]

    def seconds_of_runner(self, name, *options):
        """Returns the seconds from the first claim to the last result, after a first task has
        filled the cache."""
        state = self.dir / f"state-{name}"
        (self.dir / name).mkdir()
        mock = harness.Mock(self.dir / name, tasks=self.tasks[:1])
        runner = harness.Runner("--backend-url", mock.url, "--state-dir", state, "--git-protocols", "file", "--tests-url",
                                self.small.suite, "--check-interval", "0.05", "--sandbox", "auto", *options,
                                env={"SLURM_CONF": str(self.cluster.conf)})
        mock.state(results=1)
        before = self.cluster.rpcs()
        start = time.monotonic()
        mock.add(*[task | {"id": f"task-{task['id']}"} for task in self.tasks])
        mock.state(results=1 + TASKS)
        seconds = time.monotonic() - start
        after = self.cluster.rpcs()
        assert runner.stop() == 0, runner.log
        assert all(result["isPassed"] for result in mock.results()), runner.log
        mock.stop()
        return seconds, {kind: after[kind] - before.get(kind, 0) for kind in after}

    def seconds_of_sbatch(self):
        """Submits the same jobs one after the other with a shell loop. Returns the seconds until
        the last one has written its result."""
        place = self.dir / "plain"
        script = place / "job.sh"
        place.mkdir()
        script.write_text('#!/bin/sh\nexec "$@"\n')
        dirs = [place / str(task["id"]) for task in self.tasks]
        for task, directory in zip(self.tasks, dirs):
            directory.mkdir()
            (directory / "task.json").write_text(json.dumps(task))
        command = [harness.JOB, "--cache-dir", self.dir / "state-slurm" / "cache", "--git-protocols", "file", "--tests-url", self.small.suite]
        loop = 'for dir; do sbatch --parsable --output=/dev/null --mem=1280M --time=42 "$SCRIPT" $COMMAND --slot=$((n=n+1)) "$dir" >/dev/null || exit 1; done'
        start = time.monotonic()
        subprocess.run(["sh", "-c", loop, "sh", *map(str, dirs)], check=True,
                       env=self.cluster.env | {"SCRIPT": str(script), "COMMAND": " ".join(map(str, command))})
        wait = slurm.Wait("plain jobs", 600)
        while not all((directory / "result.json").exists() for directory in dirs):
            wait.more()
        return time.monotonic() - start


def show(name, seconds, rpcs=None):
    asked = {"submit": "REQUEST_SUBMIT_BATCH_JOB", "list": "REQUEST_JOB_INFO", "jobs' ends": "REQUEST_COMPLETE_BATCH_SCRIPT"}
    counts = ", ".join(f"{rpcs.get(kind, 0) / TASKS:.2f} {word}" for word, kind in asked.items()) if rpcs else ""
    print(f"| {name} | {seconds:.1f} | {60 * TASKS / seconds:.0f} | {1000 * seconds / TASKS:.0f} | {counts} |", flush=True)


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ostest-bench-"))
    directory.chmod(0o755)
    harness.make_programs_reachable()
    cluster = slurm.Cluster()
    try:
        bench = Bench(cluster, directory)
        print(f"{TASKS} tasks, three nodes with {slurm.NODE_CPUS} processors each, on {os.cpu_count()} real ones\n")
        print("| how | s | tasks a minute | ms a task | requests to the controller a task |\n| --- | --- | --- | --- | --- |")
        show(f"`--executor local --concurrent {SLOTS}`", bench.seconds_of_runner("local", "--concurrent", SLOTS)[0])
        for slots, name in ((SLOTS, "slurm"), (4 * SLOTS, "slurm-48"), (TASKS, "slurm-200")):
            show(f"`--executor slurm --concurrent {slots}`",
                 *bench.seconds_of_runner(name, "--concurrent", slots, "--executor", "slurm", "--slurm-poll", POLL))
        show("plain `sbatch`, all at once", bench.seconds_of_sbatch())
    finally:
        cluster.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
