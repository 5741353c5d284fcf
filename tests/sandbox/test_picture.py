"""The README's picture of a run shows the output of the program."""

import html
import os
import re
import subprocess

import harness
import pytest

REPO = harness.COURSE.parents[1]

PYTEST = "7."  # of Debian 12; later versions wrap lines differently


def shown(picture):
    """Returns the text of a picture, without what differs between runs."""
    text = html.unescape(re.sub(r"<[^>]*>", "", picture.read_text()))
    text = re.sub(r"  \d+\.\d\d s(  \d+\.\d MB)?", "", text)
    return re.sub(r"passed in \d+\.\d s", "passed", text)


@pytest.mark.skipif(not pytest.__version__.startswith(PYTEST), reason=f"the picture is of pytest {PYTEST}*, not {pytest.__version__}")
def test_the_picture_of_a_run_is_true(tmp_path):
    subprocess.run([REPO / "script" / "pictures", tmp_path], check=True, timeout=harness.TIMEOUT,
                   env=os.environ | {"OSTEST_BUILD": str(harness.RUNNER.parents[1])})
    assert shown(tmp_path / "run.svg") == shown(REPO / "docs" / "pictures" / "run.svg")
