"""Alert rules and the dashboard: sound by Prometheus' own tool, and of metrics that exist."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.promql import names
from tests.deploy.tools import DEPLOY, ROOT, judged, tool

from locutory.products.calls.pipeline.alarms import SEVERITY

RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD = DEPLOY / "grafana" / "calls.json"

# calls spec, 13
PROMISED = {
    *("DlqNotEmpty", "QueueLag", "PipelineStalled", "SourceStale", "LeadFilterDegraded"),
    *("ProviderDown", "AuthBlocked", "SttErrorRate", "LlmDegraded", "EvidenceDrop"),
    *("BudgetNear", "DiskLow", "WorkerMissing"),
}
PANELS = {
    *("Calls per stage and minute", "Queue depth", "Age of the oldest job", "Dead letters"),
    *("Speech engine", "Language model", "Audio minutes per hour"),
    *("Calls at providers, and the limit", "Retries per minute by class"),
    *("Answers that were known", "Degraded analyses", "Cost per hour", "Silence of sources"),
    "Analyses per business and minute",
}


@pytest.fixture(scope="module")
def declared() -> set[str]:
    made = runpy.run_path(str(ROOT / "scripts" / "metrics_page.py"))
    return {one.name for one in made["declared"]()} | {"up"}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_promised_alert_is_there(rules: list[dict[str, Any]]) -> None:
    assert {rule["alert"] for rule in rules} >= PROMISED


def test_alerts_weigh_what_they_weigh_in_the_server(rules: list[dict[str, Any]]) -> None:
    weights = {rule["alert"]: rule["labels"]["severity"] for rule in rules}

    assert set(SEVERITY) <= set(weights)
    assert {key: weights[key] for key in SEVERITY} == SEVERITY


def test_alerts_ask_for_metrics_that_exist(rules: list[dict[str, Any]], declared: set[str]) -> None:
    for rule in rules:
        asked = names(rule["expr"])

        assert asked, rule["alert"]
        assert asked <= declared, rule["alert"]


def test_promtool_finds_the_rules_sound_and_they_fire_as_they_should() -> None:
    promtool = tool("promtool")

    judged(promtool, "check", "rules", RULES)
    told = judged(promtool, "test", "rules", DEPLOY / "prometheus" / "rules_test.yml")
    judged(promtool, "check", "config", "--syntax-only", DEPLOY / "prometheus" / "prometheus.yml")

    assert "SUCCESS" in told


def test_every_alert_has_a_case_in_which_it_fires(rules: list[dict[str, Any]]) -> None:
    cases = yaml.safe_load((DEPLOY / "prometheus" / "rules_test.yml").read_text())["tests"]
    fired = {
        case["alertname"] for one in cases for case in one["alert_rule_test"] if case["exp_alerts"]
    }

    assert fired == {rule["alert"] for rule in rules}


def test_the_dashboard_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "dashboard.py"))

    assert DASHBOARD.read_text() == made["page"](), "run scripts/dashboard.py"


def test_the_dashboard_shows_what_was_promised_of_metrics_that_exist(declared: set[str]) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]

    assert {panel["title"] for panel in panels} >= PANELS
    for panel in panels:
        for target in panel["targets"]:
            asked = names(target["expr"])
            assert asked, panel["title"]
            assert asked <= declared, panel["title"]


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ('sum by (le, stage) (rate(a_seconds_bucket{x="b_total"}[5m])) / 1e6', {"a_seconds"}),
        ("max by (bid) (a) > 0 and on (stage) b unless c", {"a", "b", "c"}),
        ("histogram_quantile(0.95, sum(rate(a_bucket[5m])))", {"a"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, asked: set[str]) -> None:
    assert names(expression) == asked


def test_the_rules_are_where_the_configuration_looks() -> None:
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())

    assert [Path(DEPLOY / "prometheus" / name).exists() for name in told["rule_files"]] == [True]
