"""The alerts and the dashboard in docs/monitoring: Prometheus accepts them, and they use metrics
that exist."""

import itertools
import json
import re
import subprocess
import urllib.request

import pytest

import harness

ALERTS = harness.REPO / "docs" / "monitoring" / "alerts.yml"
DASHBOARD = json.loads((harness.REPO / "docs" / "monitoring" / "dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

# Situation: (series, the expected alert or None). Each series has one value a minute for an hour.
SITUATIONS = {
    "all is well": ({"up{%s}": "1x60", "ostest_runner_claiming{%s}": "1x60", "ostest_runner_spool_results{%s}": "0x60"}, None),
    "it is gone": ({"up{%s}": "0x60"}, "OstestRunnerDown"),
    "it claims nothing": ({"ostest_runner_claiming{%s}": "0x60"}, "OstestRunnerClaimsNothing"),
    "the backend is away": ({"ostest_runner_spool_results{%s}": "3x60", 'ostest_runner_deliveries_total{answer="2xx",%s}': "7x60"},
                            "OstestRunnerBackendAway"),
    "it is slow": ({"ostest_runner_spool_results{%s}": "3x60", 'ostest_runner_deliveries_total{answer="2xx",%s}': "0+2x60"}, None),
    "results are refused": ({'ostest_runner_deliveries_total{answer="4xx",%s}': "0+1x60"}, "OstestRunnerResultsRefused"),
    "the machine is broken": ({'ostest_runner_tasks_total{outcome="fault",%s}': "0+1x60"}, "OstestRunnerMachineFaults"),
    "it dies again and again": ({"process_start_time_seconds{%s}": "100+60x60"}, "OstestRunnerRestarts"),
}


def expand(series):
    """Converts "7x60" to promtool's notation."""
    return re.sub(r"^(\d+)x", r"\1+0x", series)


def check(promtool, *words):
    done = subprocess.run([promtool, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def metrics_in(text):
    return set(re.findall(r"\b(?:ostest_runner|process)_[a-z_]+", text))


def test_prometheus_takes_the_alerts(promtool):
    check(promtool, "check", "rules", "--lint=all", ALERTS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_alert_comes_when_it_should(promtool, tmp_path, situation):
    series, expected = SITUATIONS[situation]
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    labels = 'job="ostest-runner",instance="lab-7"'
    rows = [{"series": name % labels, "values": expand(values)} for name, values in series.items()]
    silent = [name for name in alerts if name != expected]
    test = {"rule_files": [str(ALERTS)], "tests": [{
        "interval": "1m", "input_series": rows,
        "alert_rule_test": [{"eval_time": "59m", "alertname": name, "exp_alerts": []} for name in silent]}]}
    path = tmp_path / "test.yml"
    path.write_text(json.dumps(test))
    check(promtool, "test", "rules", path)
    if expected:  # promtool compares all labels and texts; here it is enough that the alert fires
        test["tests"][0]["alert_rule_test"] = [{"eval_time": "59m", "alertname": expected, "exp_alerts": []}]
        path.write_text(json.dumps(test))
        done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True)
        assert done.returncode != 0 and f"alertname=\"{expected}\"" in done.stdout + done.stderr and "lab-7" in done.stdout + done.stderr


def test_prometheus_takes_the_queries_of_the_dashboard(promtool, tmp_path):
    rules = [{"record": f"query:{number}", "expr": query.replace("$instance", ".*")} for number, query in enumerate(QUERIES)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    check(promtool, "check", "rules", path)


def test_they_ask_for_what_is_told(start_runner):
    runner = start_runner(None, "--http", "0")
    url = runner.wait_log(r"status page url=").split("url=")[1].split()[0]
    with urllib.request.urlopen(url + "metrics", timeout=harness.TIMEOUT) as answer:
        text = answer.read().decode()
    told = set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
    asked = metrics_in(ALERTS.read_text()) | metrics_in(" ".join(QUERIES))
    assert asked and asked <= told


def test_the_panels_lie_side_by_side():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    for a, b in itertools.combinations(places, 2):
        assert a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    assert all(place["x"] + place["w"] <= 24 for place in places)
