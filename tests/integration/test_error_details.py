"""errorDetails: every sentence fits the real backend's column and still says what happened."""

import os
import re
import subprocess

import pytest

import harness
from harness import task

LIMIT = 255  # characters, see docs/backend.md

# The longest value of each kind that a task, a suite or a student can provide.
LONG = {
    "url": "https://user@git.example.org/" + "group/" * 330 + "proxy.git",
    "branch": "feature/" + "я" * 120,
    "words": "ошибка в слове " * 80,
    "emoji": "😀" * 1024,
    "path": "/" + "каталог/" * 500 + "файл.py",
}
CALLS = re.compile(r"(?:err_set|err_errno|details_say|strv_pushf|mem_printf|finish_with_error)\s*\((.*?)\);", re.DOTALL)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONVERSION = re.compile(r"%[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|j|z|t)?[a-zA-Z]")


def sentences():
    """Returns all formats in the job, the model and the journal that begin with a capital
    letter."""
    found = set()
    for folder in ("job", "model", "runner"):
        for path in sorted((harness.REPO / "src" / folder).rglob("*.c")):
            for call in CALLS.findall(path.read_text()):
                text = "".join(LITERAL.findall(call)).replace('\\"', '"')
                if re.match(r"[A-Z%][^<{]* ", text) and "%" in text and "\\" not in text:
                    found.add(text)
    return sorted(found)


def filled(sentence, long):
    """Formats as printf(3), with the limit of a message in err.h."""
    text = CONVERSION.sub(lambda match: long if match[0].endswith("s") else "18446744073709551615", sentence)
    return text.encode()[:4000].decode(errors="ignore")


@pytest.mark.parametrize("kind", LONG)
def test_every_sentence_fits(kind):
    texts = [filled(sentence, LONG[kind]) for sentence in sentences()]
    assert len(texts) > 90, "the sentences are no longer found"
    done = subprocess.run([os.environ.get("OSTEST_BUILD", harness.REPO / "build") + "/tests/shorten-details"], text=True,
                          input="".join(f"{text}\n" for text in texts), capture_output=True, check=True)
    for text, brief in zip(texts, done.stdout.splitlines(), strict=True):
        assert len(brief) <= LIMIT, brief
        assert len(text) <= LIMIT and brief == text or "…" in brief
        words = text.split()
        assert brief.split()[0] == words[0] or len(words[0]) > 60


def test_the_seeded_laboratory_of_the_real_backend_is_stored_at_once(run_tasks, small):
    """Nine test names that the suite does not have made 306 characters, which the backend could not
    store."""
    names = [f"test_proxy_laboratory_one_check_{i}_name" for i in range(9)]
    student = small.student()
    results = run_tasks([task(1, student, connectedTests=names)], small.suite)
    details = results[1]["errorDetails"]
    assert len(details) <= LIMIT and details.startswith("9 of 9 connected tests match no test of the suite: ") and details.endswith(" more")
    assert results[1]["testResults"] == []  # the front end then shows errorDetails
    assert all(name in run_tasks.log for name in names), "the log must have the full text"


@pytest.mark.parametrize("letter", ["x", "ы", "😀"])
def test_names_of_any_length_are_stored_at_once(run_tasks, small, letter):
    names = [letter * (1000 // len(letter.encode())) + str(i) for i in range(50)]
    results = run_tasks([task(1, small.student(), connectedTests=names)], small.suite)
    assert len(results[1]["errorDetails"]) <= LIMIT and results[1]["isError"]


def test_the_full_text_is_shown_at_home(run, small):
    names = [f"test_that_is_not_there_under_a_long_name_{i}" for i in range(9)]
    words = [word for name in names for word in ("-k", name)]
    status, out, _ = run("--src", small.student(), "--tests", small.suite, *words)
    assert status == 2 and all(name in out.replace("\n", "") for name in names)


def test_last_words_may_have_a_nul(run_tasks, make_repo):
    suite = make_repo("suite", {"ostest-suite.conf": "command = sh {src}/run.sh\n"})
    student = make_repo("student", {"run.sh": "printf 'before\\000behind\\n'; exit 1\n"})
    details = run_tasks([task(1, student)], suite)[1]["errorDetails"]
    assert "last output: before behind" in details


def test_connected_tests_without_a_name(run_tasks, small):
    results = run_tasks([task(1, small.student(), connectedTests=[None]), task(2, small.student(), connectedTests=["", "works"])],
                        small.suite, "--concurrent", 1)
    assert results[1]["isPassed"] and results[2]["isPassed"]
    assert len(re.findall("WARNING task=[12] 1 connected tests are null or empty", run_tasks.log)) == 2
