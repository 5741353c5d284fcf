#!/usr/bin/env python3
"""Takes pictures of a page, for script/page-pictures: page-pictures.py PAGE|URL NAME WIDTH HEIGHT.

Writes NAME-light.png and NAME-dark.png. Needs the packages of the browser tests.
"""

import pathlib
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "browser"), str(TESTS / "integration")]
import browser  # noqa: E402 (sys.path is set above)


def main():
    place, name, width, height = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        one = browser.Browser(directory)
        try:
            for theme in ("light", "dark"):
                one.reset()
                one.emulate(theme)
                one.size(int(width), int(height))
                one.open(place if "://" in place else pathlib.Path(place))
                one.screenshot(f"{name}-{theme}.png")
        finally:
            one.close()


if __name__ == "__main__":
    main()
