"""W3C Trace Context, read and written; the examples are those of https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import pytest

from understudy.ledger.observing import TraceContext
from understudy.telemetry.tracing.context import Trace, span_id_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_goes_on() -> None:
    trace = Trace.continuing(TraceContext(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"))
    assert trace is not None
    assert f"{trace.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{trace.parent_id:016x}" == "00f067aa0ba902b7"
    assert trace.is_sampled
    assert trace.headers(0xB7AD6B7169203331) == (
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01"),
        ("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    )


def test_a_trace_that_is_not_kept_stays_so() -> None:
    trace = Trace.continuing(TraceContext(PARENT[:-2] + "00"))
    assert trace is not None
    assert not trace.is_sampled
    assert trace.headers(1)[0][1].endswith("-0000000000000001-00")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        PARENT + "-more",
        PARENT + ", " + PARENT,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        PARENT + "\x00",
    ],
)
def test_what_is_invalid_begins_a_trace(header: str | None) -> None:
    assert Trace.continuing(TraceContext(header)) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert Trace.continuing(TraceContext("01" + PARENT[2:] + "-what-the-future-brings")) is not None


def test_a_state_that_cannot_be_sent_on_is_dropped() -> None:
    trace = Trace.continuing(TraceContext(PARENT, "a=b\r\nx-injected: 1"))
    assert trace is not None
    assert trace.tracestate is None


def test_ids_follow_from_the_requests_and_a_share_of_them_is_kept() -> None:
    assert Trace.beginning("one", 1.0) == Trace.beginning("one", 1.0)
    assert Trace.beginning("one", 1.0).trace_id != Trace.beginning("other", 1.0).trace_id
    assert span_id_of("one") != span_id_of("other")
    kept = sum(Trace.beginning(str(number), 0.25).is_sampled for number in range(4_000))
    assert 850 < kept < 1_150
    assert not any(Trace.beginning(str(number), 0.0).is_sampled for number in range(1_000))
    assert all(Trace.beginning(str(number), 1.0).is_sampled for number in range(1_000))
