"""Fixtures: a browser, and those of the integration tests."""

import importlib.util
import pathlib
import sys

import pytest

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"
sys.path.insert(0, str(INTEGRATION))
pytest.register_assert_rewrite("browser", "harness", "jobs", "runs")


def integration_fixtures():
    """Returns the fixtures of tests/integration/conftest.py, which cannot be imported by its
    name."""
    spec = importlib.util.spec_from_file_location("integration_fixtures", INTEGRATION / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


globals().update(integration_fixtures())


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory):
    import browser as module
    one = module.Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture
def browser(one_browser):
    one_browser.reset()
    return one_browser
