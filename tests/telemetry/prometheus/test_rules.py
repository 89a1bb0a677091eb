"""Rules, alerts and the dashboard name metrics and labels that exist, and alert when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from tests.telemetry.prometheus.made import HOSTILE, SCRAPE, target, worker
from tests.telemetry.prometheus.programs import program
from tests.telemetry.prometheus.promql import Unknown, labels_of, metrics
from understudy.telemetry.prometheus.exposition import exposition
from understudy.telemetry.snapshot import FaceTally

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = sorted((DEPLOY / "prometheus").glob("*_rules.yml"))
TESTS = Path(__file__).with_name("rules_test.yml")
Rule = dict[str, Any]


def rules() -> Iterator[Rule]:
    for path in sorted(RULES, reverse=True):  # records first: alerts read them
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


RECORDS = [each for each in rules() if "record" in each]
ALERTS = [each for each in rules() if "alert" in each]


def known() -> dict[str, frozenset[str]]:
    """Return all series, those that rules record included."""
    found = metrics()
    for rule in RECORDS:
        found[rule["record"]] = labels_of(rule["expr"], found)
    return found


def tool(*arguments: str, cwd: Path | None = None, given: bytes = b"") -> None:
    ended = subprocess.run(
        [program("promtool"), *arguments], input=given, capture_output=True, check=False, timeout=60, cwd=cwd
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()


def test_promtool_finds_no_fault_in_the_metrics() -> None:
    tool("check", "metrics", given=exposition(SCRAPE))


def test_promtool_finds_no_fault_in_hostile_names() -> None:
    targets = tuple(target(name, name) for name in HOSTILE)
    hostile = worker(
        targets=targets, faces=tuple(FaceTally(face=each, outcome=each, status=1, count=1) for each in HOSTILE)
    )
    tool("check", "metrics", given=exposition(replace(SCRAPE, workers=(hostile,))))


def test_promtool_finds_no_fault_in_the_rules() -> None:
    tool("check", "rules", *map(str, RULES))


def test_promtool_finds_no_fault_in_the_configuration(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k", encoding="utf-8")
    for path in (DEPLOY / "prometheus").glob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("/etc/prometheus/understudy-key", str(key))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    tool("check", "config", "prometheus.yml", cwd=tmp_path)


def test_rules_and_alerts_yield_what_is_computed_by_hand() -> None:
    tool("test", "rules", str(TESTS))


def test_every_rule_and_alert_is_tested() -> None:
    tests = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
    asked = " ".join(each["expr"] for test in tests for each in test.get("promql_expr_test", ()) if each["exp_samples"])
    alerts = [each for test in tests for each in test.get("alert_rule_test", ())]
    assert [each["record"] for each in RECORDS if each["record"] not in asked] == []
    fired = {each["alertname"] for each in alerts if each["exp_alerts"]}
    assert {each["alert"] for each in ALERTS} == fired


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_a_record_has_the_labels_that_its_name_says(rule: Rule) -> None:
    assert known()[rule["record"]] == frozenset(rule["record"].partition(":")[0].split("_"))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_only_labels_that_its_result_has(rule: Rule) -> None:
    labels = labels_of(rule["expr"], known())
    written = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", written)) <= labels
    assert rule["labels"]["severity"] in {"page", "ticket"}


# ---- the dashboard ----

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "understudy.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
GRAFANA = {"$__rate_interval": "1m", "$__range": "1h", "$job": ".*", "$entry": ".*"}
"""What Grafana writes in place of its variables."""


def filled(expression: str) -> str:
    for name, value in GRAFANA.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_names_only_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    for query in panel["targets"]:
        labels = labels_of(filled(query["expr"]), metrics())  # it needs no recording rule
        assert set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"])) <= labels
        if panel["type"] in ("timeseries", "state-timeline") and labels:
            assert "{{" in query["legendFormat"], "its series have the same name"
        assert query["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_name_metrics_and_labels_that_exist() -> None:
    queries = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert len(queries) == 2
    for query in queries:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert found is not None
        assert found[2] in labels_of(filled(found[1]), metrics())


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for place in (each["gridPos"] for each in panels):
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    used = " ".join(
        [*(query["expr"] for panel in PANELS for query in panel["targets"]), *(rule["expr"] for rule in rules())]
        + [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    )
    unused = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in metrics()}
    assert {name for name in unused if name not in used} == {
        "understudy_target_blocked_workers",
        "understudy_quota_reset_seconds",
    }


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("understudy_worker", "no metric"),
        ("sum by (modle) (understudy_attempts_in_flight)", "no label modle"),
        ('understudy_workers{entry="a"}', "no label entry"),
        ("rate(understudy_workers[5m])", "gauges have none"),
        ("sum(understudy_attempts_total)", "counters have rates"),
        ("histogram_quantile(0.5, sum by (job) (rate(understudy_token_gap_seconds_bucket[5m])))", "no label le"),
        ("understudy_quota_left / understudy_budget_max_usd", "never match"),
    ],
)
def test_a_wrong_expression_is_found(expression: str, why: str) -> None:
    with pytest.raises(Unknown, match=why):
        labels_of(expression, metrics())
