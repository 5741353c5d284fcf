"""Tests for a service in a guest (script/test-system); they use the helpers of the integration
tests."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
