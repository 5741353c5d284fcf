"""Debian's Chromium without a window: one for all tests, driven by chromedriver."""

import base64
import json
import os
import pathlib
import subprocess
import sys

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import harness

REPO = pathlib.Path(__file__).resolve().parents[2]
AXE = harness.BUILD / "axe" / "axe.min.js"
DESKTOP = (1100, 800)
PHONE = (390, 844)
# It asks nobody but this machine, whatever a page, or its own makers, would like.
ARGUMENTS = [
    "--headless=new", "--no-first-run", "--no-default-browser-check", "--no-proxy-server", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-client-side-phishing-detection", "--metrics-recording-only", "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
AXE_LEVELS = ("serious", "critical")


def fetch_axe():
    """The text of axe.min.js. Where it cannot be had the tests fail: they would show nothing."""
    done = subprocess.run([sys.executable, REPO / "tools" / "fetch-axe.py", AXE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return AXE.read_text()


class Browser:
    def __init__(self, directory):
        """directory: for its profile, and whatever else it writes."""
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in [*ARGUMENTS, f"--user-data-dir={directory}/profile"]:
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # it refuses to run as root with one
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service("/usr/bin/chromedriver", log_path=f"{directory}/chromedriver.log",
                          env=harness.CLEAN_ENV | {"HOME": str(directory)})
        self.driver = webdriver.Chrome(service=service, options=options)
        self.axe_script = None
        self.opened = None

    def close(self):
        self.driver.quit()

    def reset(self):
        """As at the start: an empty page, light, the size of a desk, scripts on, nothing in the logs."""
        self.scripts(True)
        self.driver.get("about:blank")
        self.emulate("light")
        self.size(*DESKTOP)
        self.opened = None
        self._take_logs()

    # ---- what is shown, and how

    def open(self, place):
        """A file's path or a URL."""
        self._take_logs()
        self.opened = place.resolve().as_uri() if isinstance(place, pathlib.Path) else str(place)
        self.driver.get(self.opened)

    def emulate(self, theme, media=""):
        """theme: light or dark; media: print."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def size(self, width, height, scale=1):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                     mobile=width < 600)

    def scripts(self, are_on):
        """Of pages that are opened from now on. What a test itself asks is answered all the same."""
        self.command("Emulation.setScriptExecutionDisabled", value=not are_on)

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    # ---- what is there

    def run(self, script, *arguments):
        """The value of a script, as the body of a function with `arguments`."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """Of those that are seen."""
        return [element.text for element in self.all(selector) if element.is_displayed()]

    @property
    def text(self):
        """All that is seen."""
        return self.find("body").text

    def wait(self, condition, message=""):
        """Until condition() is true; gives its value."""
        return WebDriverWait(self.driver, harness.TIMEOUT, poll_frequency=0.05).until(lambda _: condition(), message)

    def focused(self):
        return self.driver.switch_to.active_element

    def screenshot(self, path):
        """Of what the window shows."""
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def pdf(self):
        """Printed."""
        return base64.b64decode(self.command("Page.printToPDF", printBackground=False)["data"])

    # ---- what must hold of every page

    def _take_logs(self):
        return self.driver.get_log("browser"), self.driver.get_log("performance")

    def assert_well(self, origin=None):
        """No complaint in the console, and nothing loaded but from `origin`: the page's own file, or its server."""
        console, network = self._take_logs()
        assert not console, console
        messages = [json.loads(entry["message"])["message"] for entry in network]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        own = origin or self.opened
        assert not [url for url in asked if not url.startswith((own, "data:", "blob:"))], asked

    def axe(self):
        """Serious and critical faults of accessibility: rule, help, the places."""
        self.axe_script = self.axe_script or fetch_axe()
        self.run(self.axe_script)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(done, fault => done({violations: [{impact: 'critical', "
            "id: String(fault), help: '', nodes: []}]}));")
        return [(v["id"], v["help"], [node["target"] for node in v["nodes"][:5]])
                for v in found["violations"] if v["impact"] in AXE_LEVELS]

    def assert_accessible(self):
        faults = self.axe()
        assert not faults, faults

    def assert_fits(self):
        """Nothing to be scrolled sideways."""
        wide, window = self.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= window, f"{wide} of {window} pixels"
