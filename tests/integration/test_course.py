"""The bundled course, end to end: each student's program gets the documented result."""

# student: (passed, names of the tests that did not pass)
STUDENTS = {
    "good": (True, []),
    "crash": (False, ["lab1.test_usage::test_no_arguments"]),
    "hang": (False, ["lab1.test_counting::test_counts[no-final-newline]"]),
    "leaking": (False, ["lab2.test_memory::test_no_leaks"]),
    "memory-hungry": (True, []),
    "noisy": (False, ["lab1.test_usage::test_help"]),
    "wrong-output": (False, ["lab1.test_counting::test_counts[three-lines]",
                             "lab1.test_library::test_library_counts"]),
}


def test_every_student_gets_the_right_verdict(course, run_tasks):
    tasks = [{"id": name, "repositoryUrl": str(course / f"student-{name}"), "branch": "main", "laboratoryNumber": [1, 2]}
             for name in STUDENTS]
    results = run_tasks(tasks, course / "suite", "--concurrent", 2, "--proxy-timeout", 5)
    for name, (is_passed, failed) in STUDENTS.items():
        result = results[name]
        assert not result["isError"], result["errorDetails"]
        assert len(result["testResults"]) == 20
        assert [t["name"] for t in result["testResults"] if not t["isPassed"]] == failed
        assert result["isPassed"] == is_passed


def test_a_failed_build_skips_what_depends_on_it(course, run_tasks):
    task = {"id": 1, "repositoryUrl": str(course / "student-compile-error"), "branch": "main", "laboratoryNumber": 2}
    result = run_tasks([task], course / "suite")[1]
    tests = {t["name"]: t for t in result["testResults"]}
    assert not result["isPassed"] and not result["isError"]
    assert "error:" in tests["common.test_build::test_build"]["description"]
    skipped = [t for t in tests.values() if "depends on" in t["description"]]
    assert skipped and not any(t["isPassed"] for t in skipped)
