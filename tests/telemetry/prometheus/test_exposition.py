"""The metrics of a gateway are what its workers, added up by hand, report."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from tests.telemetry.prometheus.made import FIRST, HOSTILE, NOW, SCRAPE, SECOND, target, worker
from tests.telemetry.prometheus.reading import families_of, read, samples_of, value
from understudy.domain.quotas import Quota
from understudy.telemetry.prometheus.exposition import SUBJECTS, exposition
from understudy.telemetry.prometheus.merging import MODELS
from understudy.telemetry.prometheus.metrics import METRICS
from understudy.telemetry.prometheus.scrape import BudgetLevel, Scrape
from understudy.telemetry.snapshot import FaceTally, StandIn, Tally, TargetState

MAIN = {"entry": "main", "model": "gpt", "operation": "text"}
BACKUP = {"entry": "backup", "model": "", "operation": "text"}


@dataclass(frozen=True)
class Expected:
    name: str
    labels: dict[str, str]
    value: float | None


def expected(name: str, value: float | None, /, **labels: str) -> Expected:
    return Expected(name, labels, value)


TEAM = {"budget": "team", "subject": "", "period": "month"}
EVER = {"budget": "ever", "subject": "alice", "period": "total"}
CASES = [
    expected("understudy_build_info", 1, version="1.2.3"),
    # Requests: 3 + 1 answered, and 2 of a worker that has ended.
    expected("understudy_requests_total", 4, face="openai", outcome="answered"),
    expected("understudy_requests_total", 1, face="openai", outcome="refused"),
    expected("understudy_requests_total", 2, face="openai", outcome="client_left"),
    expected("understudy_requests_total", 0, face="openai", outcome="failed"),
    expected("understudy_requests_total", 7, face="", outcome="answered"),
    expected("understudy_responses_total", 4, face="openai", status="200"),
    expected("understudy_responses_total", 1, face="openai", status="429"),
    expected("understudy_responses_total", 2, face="openai", status="499"),
    expected("understudy_request_duration_seconds_bucket", 1, face="openai", le="0.25"),
    expected("understudy_request_duration_seconds_bucket", 3, face="openai", le="0.5"),
    expected("understudy_request_duration_seconds_bucket", 4, face="openai", le="2.5"),
    expected("understudy_request_duration_seconds_bucket", 5, face="openai", le="5.0"),
    expected("understudy_request_duration_seconds_bucket", 5, face="openai", le="+Inf"),
    expected("understudy_request_duration_seconds_count", 5, face="openai"),
    expected("understudy_requests_in_flight", 4),
    # Attempts: 10 of the worker that has ended, 2 and 1 of the others.
    expected("understudy_attempts_total", 13, **MAIN, outcome="succeeded"),
    expected("understudy_attempts_total", 4, **MAIN, outcome="failed"),
    expected("understudy_attempts_total", 0, **MAIN, outcome="aborted"),
    expected("understudy_attempts_total", 1, **BACKUP, outcome="aborted"),
    expected("understudy_attempt_failures_total", 1, **MAIN, kind="rate_limited"),
    expected("understudy_attempt_failures_total", 3, **MAIN, kind="server_error"),
    expected("understudy_attempt_failures_total", None, **BACKUP, kind="server_error"),
    expected("understudy_tokens_total", 1_101, **MAIN, class_="input"),
    expected("understudy_tokens_total", 20, **MAIN, class_="cache_read"),
    expected("understudy_tokens_total", 7, **MAIN, class_="cache_write"),
    expected("understudy_tokens_total", 30, **MAIN, class_="output"),
    expected("understudy_tokens_total", 5, **MAIN, class_="reasoning"),
    expected("understudy_cost_usd_total", 1.50000001, **MAIN),
    expected("understudy_cost_usd_total", 0, **BACKUP),
    expected("understudy_unknown_cost_attempts_total", 1, **BACKUP),
    expected("understudy_attempt_duration_seconds_bucket", 2, **MAIN, le="1.0"),
    expected("understudy_attempt_duration_seconds_bucket", 3, **MAIN, le="5.0"),
    expected("understudy_first_content_seconds_bucket", 0, **MAIN, le="0.1"),
    expected("understudy_first_content_seconds_bucket", 1, **MAIN, le="0.3"),
    expected("understudy_token_gap_seconds_bucket", 0, **MAIN, le="0.01"),
    expected("understudy_token_gap_seconds_bucket", 1, **MAIN, le="0.03"),
    expected("understudy_attempts_in_flight", 3, **MAIN),
    expected("understudy_requests_waiting", 1),
    # States: the worst of both workers, of which one does not ask the target.
    expected("understudy_target_info", 1, **MAIN, provider="openai"),
    expected("understudy_target_state", 1, **MAIN, state="cooldown"),
    expected("understudy_target_state", 0, **MAIN, state="closed"),
    expected("understudy_target_state", 1, **BACKUP, state="closed"),
    expected("understudy_target_blocked_workers", 1, **MAIN),
    expected("understudy_target_blocked_workers", 0, **BACKUP),
    expected("understudy_target_cooldown_seconds", 12.5, **MAIN),
    expected("understudy_target_cooldown_seconds", 0, **BACKUP),
    expected("understudy_stand_in_workers", 1, route="fast", primary="main/gpt", acting="backup"),
    # Quotas: the least that any worker knows of, and its reset.
    expected("understudy_quota_left", 39, **MAIN, unit="requests"),
    expected("understudy_quota_limit", 500, **MAIN, unit="requests"),
    expected("understudy_quota_reset_seconds", 20, **MAIN, unit="requests"),
    expected("understudy_quota_left", 9_000, **MAIN, unit="tokens"),
    expected("understudy_quota_limit", None, **MAIN, unit="tokens"),
    # Budgets: 25.5 less 1.50000001 less 0.5 dollars; and one that is overdrawn.
    expected("understudy_budget_left_usd", 23.49999999, **TEAM),
    expected("understudy_budget_spent_usd", 1.50000001, **TEAM),
    expected("understudy_budget_reserved_usd", 0.5, **TEAM),
    expected("understudy_budget_max_usd", 25.5, **TEAM),
    expected("understudy_budget_reset_timestamp_seconds", 1_801_440_000, **TEAM),
    expected("understudy_budget_left_usd", 0, **EVER),
    expected("understudy_budget_reset_timestamp_seconds", None, **EVER),
    expected("understudy_ledger_writable", 1),
    expected("understudy_fleet_up", 1),
    expected("understudy_workers", 2),
    expected("understudy_workers_draining", 0),
    expected("understudy_configurations", 2),
    expected("process_start_time_seconds", NOW - 3599, pid="101"),
    expected("process_cpu_seconds_total", 1.25, pid="101"),
    expected("process_cpu_seconds_total", None, pid="102"),
    expected("process_resident_memory_bytes", 52_428_800, pid="101"),
    expected("process_open_fds", 17, pid="101"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {' '.join(case.labels.values())}")
def test_a_sample_is_what_the_workers_add_up_to(case: Expected) -> None:
    assert value(read(SCRAPE), case.name, **case.labels) == case.value


def test_every_metric_of_the_table_is_stated_in_its_order_with_its_type_and_labels() -> None:
    families = families_of(exposition(SCRAPE, is_open=True), is_open=True)
    assert [(each.name, each.type) for each in families] == [(each.name, each.kind) for each in METRICS]
    for family, declared in zip(families, METRICS, strict=True):
        assert family.documentation == declared.help
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(declared.labels)


def test_sums_of_durations_are_within_the_error_of_the_sketch() -> None:
    total = value(read(SCRAPE), "understudy_request_duration_seconds_sum", face="openai")
    assert total == pytest.approx(0.3 + 1.9 + 4.0 + 0.001 + 0.3, rel=0.02)


def test_money_is_exact_to_the_billionth() -> None:
    line = 'understudy_cost_usd_total{entry="main",model="gpt",operation="text"} 1.50000001'
    assert line in exposition(SCRAPE).decode().splitlines()
    spent = target(total=Tally(cost=123_456_789_012_345_678))
    text = exposition(Scrape(now=NOW, version="1", workers=(worker(targets=(spent,)),))).decode()
    assert 'operation="text"} 123456789.012345678' in text


def test_a_gateway_that_has_done_nothing_answers_with_what_is_known() -> None:
    samples = read(Scrape(now=NOW, version="1", workers=(worker(),)))
    assert value(samples, "understudy_workers") == 1
    assert value(samples, "understudy_requests_in_flight") == 0
    assert not [name for name, _ in samples if name.startswith(("understudy_attempts_total", "understudy_budget"))]
    assert value(samples, "understudy_ledger_writable") is None


def test_a_broken_ledger_is_stated() -> None:
    broken = replace(SCRAPE, workers=(FIRST, replace(SECOND, ledger_works=False)))
    assert value(read(broken), "understudy_ledger_writable") == 0


def test_only_counters_remain_of_a_target_whose_workers_have_ended() -> None:
    samples = read(replace(SCRAPE, workers=(worker(3),)))
    assert value(samples, "understudy_attempts_total", **MAIN, outcome="succeeded") == 10
    assert value(samples, "understudy_attempts_in_flight", **MAIN) is None
    assert value(samples, "understudy_target_state", **MAIN, state="closed") is None


def test_a_cooldown_that_is_over_or_has_no_known_end_is_not_negative() -> None:
    over = target(state=TargetState.COOLDOWN, until=NOW - 5)
    endless = target("other", state=TargetState.DISABLED)
    samples = read(Scrape(now=NOW, version="1", workers=(worker(targets=(over, endless)),)))
    assert value(samples, "understudy_target_cooldown_seconds", **MAIN) == 0
    assert value(samples, "understudy_target_cooldown_seconds", **{**MAIN, "entry": "other"}) == 0
    assert value(samples, "understudy_target_state", **{**MAIN, "entry": "other"}, state="disabled") == 1


def test_the_reset_of_a_quota_counts_from_now_although_the_snapshot_is_older() -> None:
    old = replace(worker(targets=(target(quotas=(Quota(unit="requests", left=1, resets=10.0),)),)), at=NOW - 4)
    samples = read(Scrape(now=NOW, version="1", workers=(old,)))
    assert value(samples, "understudy_quota_reset_seconds", **MAIN, unit="requests") == 6


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_labels_and_nothing_else(name: str) -> None:
    face = FaceTally(face=name, outcome=name, status=200, count=1)
    stand_in = StandIn(route=name, primary=name, acting=name)
    quota = Quota(unit=name, left=1)
    hostile = worker(
        targets=(target(name, name, quotas=(quota,), total=Tally(failed={name: 1})),),
        stand_ins=(stand_in,),
        faces=(face,),
    )
    budget = BudgetLevel(budget=name, subject=name, period="day", ceiling=1)
    scrape = Scrape(now=NOW, version=name, workers=(hostile,), budgets=(budget,))
    samples = read(scrape)
    plain = samples_of(exposition(Scrape(now=NOW, version="1", workers=(worker(),))))
    assert len(samples) > len(plain)
    assert value(samples, "understudy_workers") == 1
    text = exposition(scrape).decode()
    assert not [each for each in text if (ord(each) < 32 and each != "\n") or "\u202a" <= each <= "\u202e"]
    assert max(map(len, text.splitlines())) < 1_000
    shown = {dict(labels)["entry"] for key, labels in samples if key == "understudy_attempts_total"}
    if name.isprintable() and len(name) < 100:
        assert shown == {name}


def test_names_that_become_the_same_label_count_together() -> None:
    alike = ("a\0", "a\x01", "a\x7f")
    first, second, third = (target(name, total=Tally(succeeded=1)) for name in alike)
    budgets = tuple(BudgetLevel(budget="b", subject=name, period="day", ceiling=9) for name in alike)
    stand_ins = tuple(StandIn(route=None, primary=name, acting=None) for name in alike)
    one = worker(targets=(first, second, third), stand_ins=stand_ins)
    samples = read(Scrape(now=NOW, version="1", workers=(one,), budgets=budgets))
    labels = {"entry": "a\ufffd", "model": "gpt", "operation": "text"}
    assert value(samples, "understudy_attempts_total", **labels, outcome="succeeded") == 3
    assert value(samples, "understudy_stand_in_workers", route="", primary="a\ufffd", acting="") == 1


def test_models_beyond_the_limit_count_together() -> None:
    many = tuple(target(model=f"m{number}", total=Tally(succeeded=1)) for number in range(MODELS + 50))
    samples = read(Scrape(now=NOW, version="1", workers=(worker(targets=many),)))
    counts = {
        dict(labels)["model"]: count
        for (name, labels), count in samples.items()
        if name == "understudy_attempts_total" and dict(labels)["outcome"] == "succeeded"
    }
    assert len(counts) == MODELS + 1
    assert counts["other"] == 50
    assert counts["m0"] == 1


def test_a_model_keeps_its_own_samples_when_others_come_and_when_its_worker_ends() -> None:
    many = tuple(target(model=f"m{number}", total=Tally(succeeded=1)) for number in range(MODELS))
    late = worker(2, targets=(target(model="late", total=Tally(succeeded=5)),))
    first = worker(1, targets=many)
    for scrape in (
        Scrape(now=NOW, version="1", workers=(first, late)),
        Scrape(now=NOW, version="1", workers=(late, first)),
        Scrape(now=NOW, version="1", workers=(late,), ended=(first,)),
        Scrape(now=NOW, version="1", workers=(late,), ended=(replace(first, worker="", started=NOW),)),
    ):
        samples = read(scrape)
        assert value(samples, "understudy_attempts_total", **{**MAIN, "model": "m7"}, outcome="succeeded") == 1
        assert value(samples, "understudy_attempts_total", **{**MAIN, "model": "other"}, outcome="succeeded") == 5


def test_of_a_budget_with_many_subjects_those_with_the_least_left_are_stated() -> None:
    levels = tuple(
        BudgetLevel(budget="each", subject=f"s{number}", period="day", ceiling=1_000, spent=number)
        for number in range(SUBJECTS + 200)
    )
    samples = read(Scrape(now=NOW, version="1", workers=(worker(),), budgets=levels))
    stated = {dict(labels)["subject"] for name, labels in samples if name == "understudy_budget_left_usd"}
    assert stated == {f"s{number}" for number in range(200, 300)}


def test_without_the_totals_of_all_workers_no_counter_is_stated() -> None:
    samples = read(replace(SCRAPE, has_totals=False))
    assert not [name for name, _ in samples if name.endswith(("_total", "_bucket", "_sum", "_count"))]
    assert value(samples, "understudy_workers") is None
    assert value(samples, "understudy_fleet_up") == 0
    assert value(samples, "understudy_ledger_writable") == 1


def test_both_workers_alone_add_up_to_both_together() -> None:
    """A worker that ends becomes part of the totals: the counters stay as they were."""
    ended = Scrape(now=NOW, version="1", workers=(SECOND,), ended=(FIRST,))
    alive = Scrape(now=NOW, version="1", workers=(FIRST, SECOND))
    counters = ("_total", "_bucket", "_sum", "_count")
    before, after = (
        {key: each for key, each in read(scrape).items() if key[0].endswith(counters)} for scrape in (alive, ended)
    )
    assert before == after
