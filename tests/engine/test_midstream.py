"""Streams that break after their first words, on virtual time: what the caller sees, and what is accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

import understudy as u
from understudy.domain.events import Finished, Heartbeat, Restarted, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import fold
from understudy.engine.continuation import Seam
from understudy.virtual_time import run

BREAK = u.StreamInterrupted("cut", failure=Failure(kind=FailureKind.TRUNCATED, message="cut"))


class Speaker:
    """A provider that says its pieces, one every `gap` seconds; an exception among them is raised."""

    provider_type, priority = "own", 10

    def __init__(self, name: str, *pieces: Any, gap: float = 0.0) -> None:
        self.name = name
        self.pieces = pieces
        self.gap = gap
        self.asked = 0

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        self.asked += 1
        yield Started(model=f"model of {self.name}")
        for piece in self.pieces:
            await asyncio.sleep(self.gap)
            if isinstance(piece, Exception):
                raise piece
            yield TextDelta(0, piece) if isinstance(piece, str) else piece
        yield Finished(u.FinishReason.STOP)


def manager(*speakers: Speaker, **fallback: Any) -> u.ProviderManager:
    rules = {"retry_delay_ms": 1, "max_retries": 1, **fallback}
    return u.ProviderManager(list(speakers), u.FallbackConfig(**rules))  # type: ignore[arg-type]


async def events_of(stream: Any) -> list[u.Event]:
    return [event async for event in stream]


def text_of(events: Sequence[u.Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_restart_is_announced_and_the_fold_begins_anew() -> None:
    async def scenario() -> None:
        llm = manager(Speaker("a", "The sky ", BREAK), Speaker("b", "Blue ", "it is."))
        stream = llm.stream("Why?", on_midstream_error="restart")
        events = await events_of(stream)
        (at,) = [i for i, event in enumerate(events) if isinstance(event, Restarted)]
        assert text_of(events[:at]) == "The sky "
        assert text_of(events[at:]) == "Blue it is."
        restarted = events[at]
        assert isinstance(restarted, Restarted)
        assert (restarted.failed_provider, restarted.provider) == ("a", "b")
        assert restarted.failure.kind is FailureKind.TRUNCATED
        assert stream.response.text == "Blue it is."
        assert stream.response.provider == "b"
        assert stream.response.model == "model of b"
        assert fold(events).text == "Blue it is."
        assert [(each.provider, each.outcome.value) for each in stream.attempts] == [("a", "failed"), ("b", "won")]

    run(scenario())


OUTRUN = [(1, "a", "aborted"), (2, "b", "failed"), (3, "a", "won")]
STILL_RUNS = [(1, "a", "won"), (2, "b", "failed")]


@pytest.mark.parametrize(("mode", "attempts"), [("restart", OUTRUN), ("hold", STILL_RUNS)])
def test_a_hedge_that_spoke_first_and_breaks_is_replaced_by_the_target_that_was_late(mode: Any, attempts: Any) -> None:
    async def scenario() -> None:
        late, quick = Speaker("a", "Late ", "but whole.", gap=3.0), Speaker("b", "The sky ", BREAK, gap=1.0)
        llm = manager(late, quick, hedge=True, hedge_after=1.0, on_midstream_error=mode, max_retries=2)
        stream = llm.stream("Why?")
        events = await events_of(stream)
        assert [(each.number, each.provider, each.outcome.value) for each in stream.attempts] == attempts
        assert stream.response.text == fold(events).text == "Late but whole."
        restarts = [(each.failed_provider, each.provider) for each in events if isinstance(each, Restarted)]
        assert restarts == ([("b", "a")] if mode == "restart" else [])

    run(scenario())


def test_text_alone_cannot_be_taken_back_unless_the_reader_says_how() -> None:
    async def scenario() -> None:
        first, second = Speaker("a", "The sky ", BREAK), Speaker("b", "Blue.")
        llm = manager(first, second, on_midstream_error="restart")
        shown: list[str] = []
        with pytest.raises(u.StreamInterrupted) as caught:
            async for piece in llm.stream("Why?").text():
                shown.append(piece)
        assert shown == ["The sky "]
        assert caught.value.partial is not None
        assert caught.value.partial.text == "The sky "
        assert second.asked == 0  # nothing is paid for that would be thrown away

        async for piece in llm.stream("Why?").text(on_restart=lambda _: shown.clear()):
            shown.append(piece)
        assert shown == ["Blue."]
        with pytest.raises(u.StreamInterrupted):
            async for _ in llm.stream("Why?").to_openai():
                pass

        late = llm.stream("Why?")
        await anext(late)
        with pytest.raises(u.StreamInterrupted):  # it was begun as a stream of events
            async for _ in late.text():
                pass
        await late.aclose()

    run(scenario())


@pytest.mark.parametrize("mode", ["surface", "hold", "restart", "continue"])
def test_collect_commits_only_at_the_end_whatever_the_mode(mode: Any) -> None:
    async def scenario() -> None:
        llm = manager(Speaker("a", "The sky ", BREAK), Speaker("b", "Blue."), on_midstream_error=mode)
        response = await llm.stream("Why?").collect()
        assert (response.text, response.provider) == ("Blue.", "b")

    run(scenario())


def test_what_was_read_before_collect_cannot_be_replaced() -> None:
    async def scenario() -> None:
        llm = manager(Speaker("a", "The sky ", BREAK), Speaker("b", "Blue."))
        stream = llm.stream("Why?")
        await anext(stream)
        with pytest.raises(u.StreamInterrupted):
            await stream.collect()

    run(scenario())


def test_a_held_answer_shows_nothing_of_what_broke_and_sends_heartbeats() -> None:
    async def scenario() -> None:
        first = Speaker("a", "The sky ", "is ", "blue ", BREAK, gap=6.0)
        llm = manager(first, Speaker("b", "Blue ", "it is.", gap=5.0))
        stream = llm.stream("Why?", on_midstream_error="hold")
        loop = asyncio.get_running_loop()
        seen = [(loop.time(), event) async for event in stream]
        beats = [at for at, event in seen if isinstance(event, Heartbeat)]
        # Content at 6 s, broken at 24 s; the second one's content at 29 s and its end at 34 s.
        assert beats == pytest.approx([16.0, 26.0], abs=0.01)
        rest = [event for _, event in seen if not isinstance(event, Heartbeat)]
        assert text_of(rest) == "Blue it is."
        assert min(at for at, event in seen if not isinstance(event, Heartbeat)) == pytest.approx(34.0, abs=0.01)
        assert stream.response.text == "Blue it is."
        assert [piece async for piece in llm.stream("Why?", on_midstream_error="hold").text()] == ["Blue ", "it is."]

    run(scenario())


def test_a_held_answer_is_shown_from_so_many_characters_on() -> None:
    async def scenario() -> None:
        first = Speaker("a", "12345", "678", "90", BREAK, gap=1.0)
        llm = manager(first, Speaker("b", "never"), on_midstream_error="hold", hold_chars=8)
        seen = []
        loop = asyncio.get_running_loop()
        with pytest.raises(u.StreamInterrupted) as caught:
            async for event in llm.stream("Why?"):
                if isinstance(event, TextDelta):
                    seen.append((loop.time(), event.text))
        assert seen == [(2.0, "12345"), (2.0, "678"), (3.0, "90")]
        assert caught.value.partial is not None
        assert caught.value.partial.text == "1234567890"

    run(scenario())


def test_a_restart_that_finds_nobody_raises_what_broke_the_shown_answer() -> None:
    async def scenario() -> None:
        refused = u.AuthenticationFailed("no", failure=Failure(kind=FailureKind.AUTHENTICATION, message="no"))
        llm = manager(Speaker("a", "The sky ", BREAK), Speaker("b", refused))
        stream = llm.stream("Why?", on_midstream_error="restart")
        with pytest.raises(u.StreamInterrupted) as caught:
            await events_of(stream)
        assert caught.value.partial is not None
        assert caught.value.partial.text == "The sky "
        assert [each.provider for each in caught.value.attempts] == ["a", "b"]

    run(scenario())


def test_a_manager_within_a_manager_may_restart_too() -> None:
    async def scenario() -> None:
        inner = manager(Speaker("a", "The sky ", BREAK), Speaker("b", "Blue."), on_midstream_error="restart")
        outer = u.ProviderManager([inner], u.FallbackConfig())
        assert (await outer.stream("Why?").collect()).text == "Blue."
        stream = outer.stream("Why?")
        assert any(isinstance(event, Restarted) for event in await events_of(stream))
        assert stream.response.text == "Blue."

    run(scenario())


def test_the_blocking_twin() -> None:
    llm = manager(Speaker("a", "The sky ", BREAK), Speaker("b", "Blue."), on_midstream_error="restart")
    with u.blocking.LLMProvider(llm) as blocking:
        assert blocking.stream("Why?").collect().text == "Blue."
        assert any(isinstance(event, Restarted) for event in blocking.stream("Why?"))
        shown: list[str] = []
        for piece in blocking.stream("Why?").text(on_restart=lambda _: shown.clear()):
            shown.append(piece)
        assert shown == ["Blue."]
        with pytest.raises(u.StreamInterrupted):
            list(blocking.stream("Why?").text())


@pytest.mark.parametrize(
    ("shown", "pieces", "new"),
    [
        ("The sky is", [" blue."], " blue."),
        ("The sky is ", [" blue."], "blue."),  # the blank was shown, and the model repeats it
        ("The sky is ", ["blue."], "blue."),
        ("The sky is", ["The sky is blue."], " blue."),
        ("The sky is", ["The", " sky", " is", " blue."], " blue."),
        ("The sky is ", ["The sky ", "is blue."], "blue."),
        ("The sky is", ["The", " moon"], "The moon"),
        ("The sky is", ["The sky"], "The sky"),
        ("The sky is", ["The sky is"], ""),
        ("ha", ["ha!"], "ha!"),  # too short to tell a repetition
        ("def f():\n", ["\n    return 1"], "    return 1"),
        ("def f():\n", ["    return 1"], "    return 1"),
        ("a  \n", [" ", "b"], " b"),
    ],
)
def test_a_repeated_beginning_is_trimmed(shown: str, pieces: list[str], new: str) -> None:
    seam = Seam(shown)
    assert "".join(map(seam.feed, pieces)) + seam.close() == new


def test_seams_do_not_depend_on_how_the_pieces_are_cut() -> None:
    said = "The sky is blue."
    for at in range(len(said)):
        seam = Seam("The sky is ")
        assert seam.feed(said[:at]) + seam.feed(said[at:]) + seam.close() == "blue."
