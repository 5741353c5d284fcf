#!/usr/bin/env python3
"""Helper of script/demo.

demo.py tasks COURSE STUDENT…   print the tasks for the mock backend
demo.py table RESULTS           print the posted results as a table
"""

import json
import sys


def tasks(course, *students):
    print(json.dumps([{
        "status": "AVAILABLE", "id": name, "repositoryUrl": f"{course}/student-{name}", "branch": "main",
        "laboratoryNumber": [1, 2], "connectedTests": [],
    } for name in students]))


def first_words(result):
    """Returns the reason that it did not pass: the error, or the first failed test and the last
    line of its description."""
    if result["isError"]:
        return result["errorDetails"]
    failed = [test for test in result["testResults"] if not test["isPassed"]]
    if not failed:
        return ""
    lines = failed[0]["description"].strip().splitlines() or [""]
    return f'{failed[0]["name"].rpartition("::")[2]}: {lines[-1].removeprefix("E").strip()}'


def table(path):
    with open(path, encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    print(f'{"student":<15}{"verdict":<10}{"passed":>8}{"ms":>7}{"MB":>6}  what the student reads first')
    for result in results:
        verdict = "error" if result["isError"] else "passed" if result["isPassed"] else "failed"
        passed = sum(test["isPassed"] for test in result["testResults"])
        count = f'{passed}/{len(result["testResults"])}'
        memory = max((test["memoryUsed"] for test in result["testResults"]), default=0)
        print(f'{result["id"]:<15}{verdict:<10}{count:>8}{result["duration"]:>7}{memory:>6}  {first_words(result)[:90]}')


{"tasks": tasks, "table": table}[sys.argv[1]](*sys.argv[2:])
