"""Debian's headless Chromium, driven by chromedriver; one for all tests."""

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
# It connects only to this machine, whatever a page or Chromium itself requests.
ARGUMENTS = [
    "--headless=new", "--no-first-run", "--no-default-browser-check", "--no-proxy-server", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-client-side-phishing-detection", "--metrics-recording-only", "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
AXE_LEVELS = ("serious", "critical")


def fetch_axe():
    """Returns the text of axe.min.js. Fails the test if it cannot be fetched."""
    done = subprocess.run([sys.executable, REPO / "tools" / "fetch-axe.py", AXE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return AXE.read_text()


class Browser:
    def __init__(self, directory):
        """directory: for the profile and other files of the browser."""
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in [*ARGUMENTS, f"--user-data-dir={directory}/profile"]:
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # as root it refuses to run with its sandbox
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service("/usr/bin/chromedriver", log_path=f"{directory}/chromedriver.log",
                          env=harness.CLEAN_ENV | {"HOME": str(directory)})
        self.driver = webdriver.Chrome(service=service, options=options)
        self.axe_script = None
        self.opened = None

    def close(self):
        self.driver.quit()

    def reset(self):
        """Restores the initial state: an empty page, light theme, desktop size, scripts on, empty
        logs."""
        self.scripts(True)
        self.driver.get("about:blank")
        self.emulate("light")
        self.size(*DESKTOP)
        self.opened = None
        self._take_logs()

    # ---- pages and how they are shown

    def open(self, place):
        """Opens a page. place: the path of a file, or a URL."""
        self._take_logs()
        self.opened = place.resolve().as_uri() if isinstance(place, pathlib.Path) else str(place)
        self.driver.get(self.opened)

    def emulate(self, theme, media=""):
        """Sets the theme (light, dark) and the media type (print)."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.command("Emulation.setEmulatedMedia", media=media, features=features)

    def size(self, width, height, scale=1):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                     mobile=width < 600)

    def scripts(self, are_on):
        """Turns scripts on or off for pages opened from now on. run() works in any case."""
        self.command("Emulation.setScriptExecutionDisabled", value=not are_on)

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    # ---- contents

    def run(self, script, *arguments):
        """Runs a script as the body of a function with `arguments`. Returns its value."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        """Returns the texts of the visible elements."""
        return [element.text for element in self.all(selector) if element.is_displayed()]

    @property
    def text(self):
        """The visible text of the page."""
        return self.find("body").text

    def wait(self, condition, message=""):
        """Waits until condition() is true. Returns its value."""
        return WebDriverWait(self.driver, harness.TIMEOUT, poll_frequency=0.05).until(lambda _: condition(), message)

    def focused(self):
        return self.driver.switch_to.active_element

    def screenshot(self, path):
        """Saves a picture of the window."""
        pathlib.Path(path).write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def pdf(self):
        """Returns the page as printed to PDF."""
        return base64.b64decode(self.command("Page.printToPDF", printBackground=False)["data"])

    # ---- checks for every page

    def _take_logs(self):
        return self.driver.get_log("browser"), self.driver.get_log("performance")

    def assert_well(self, origin=None):
        """Asserts that the console is empty and that everything was loaded from `origin` (default:
        the page)."""
        console, network = self._take_logs()
        assert not console, console
        messages = [json.loads(entry["message"])["message"] for entry in network]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        own = origin or self.opened
        assert not [url for url in asked if not url.startswith((own, "data:", "blob:"))], asked

    def axe(self):
        """Returns the serious and critical accessibility violations: rule, help, elements."""
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
        """Asserts that the page does not scroll horizontally."""
        wide, window = self.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= window, f"{wide} of {window} pixels"
