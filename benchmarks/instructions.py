"""Counts the instructions of a warm call and of a streamed chunk, which other load on the machine does not change.

`python -m benchmarks.instructions` prints them; with `--against COMMIT` (`make count AGAINST=COMMIT`) also those of
another commit, and the ratios. With `--conversations` it counts calls with 1 to 1,000 messages: what checking and
forming a history costs, for words, for a tool loop of the same provider, and for one that another provider began. With
`--gateway` it counts requests to a served gateway (see `benchmarks.served`), and what the ledger's thread does for
each. `benchmarks.counts` holds a few of these counts to what is committed.

A child process makes calls over a transport in memory, with marks before and after those that count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import callgrind
from benchmarks.answers import tool_deltas, word_deltas
from benchmarks.callgrind import ROOT

CHUNKS = 100
"""Chunks of the shorter stream; the longer one has twice as many."""
CALLS = {"plain": 200, "stream": 20, "longer": 20, "inside": 20}
"""How many calls count, by what is called; as many go before them."""
SIZES = {1: 50, 10: 30, 100: 10, 1000: 3}
"""How many messages conversations have, and how many calls count."""
CONVERSATIONS = {
    f"{provider}: {kind} {messages}": calls
    for provider in ("openai", "anthropic")
    for kind in ("words", "tool loop", "foreign loop")
    for messages, calls in SIZES.items()
}
"""The same for conversations: who is asked, what the messages are, and how many there are."""
SERVED = {"1 KB": 4, "ledger": 4, "40 KB": 2, "1 MB": 1, "stream": 1, "other wire": 4}
"""How many rounds of requests to a gateway count. The ledger is counted after those of the first kind."""

_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o-mini"}
_MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-opus-4-1"}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}


# ---- in the child ----


def _whole(provider: str = "openai") -> list[bytes]:
    if provider == "anthropic":
        usage = {"input_tokens": 12, "output_tokens": 9}
        block = {"type": "text", "text": "Because of scattering."}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-1"}
        return [json.dumps({**message, "content": [block], "stop_reason": "end_turn", "usage": usage}).encode()]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Because of scattering."},
        "finish_reason": "stop",
    }
    return [json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()]


def _stream(chunks: int, *, tools: bool = False) -> list[bytes]:
    """Return the events of a streamed answer: words, or a tool call with its arguments in pieces."""

    def event(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**_HEAD, "choices": [choice]}).encode() + b"\n\n"

    usage = b"data: " + json.dumps({**_HEAD, "choices": [], "usage": _USAGE}).encode() + b"\n\n"
    deltas = tool_deltas(chunks) if tools else word_deltas(chunks)
    return [*map(event, deltas), event({}, "tool_calls" if tools else "stop"), usage, b"data: [DONE]\n\n"]


def _conversation(what: str) -> tuple[list[Any], list[Any]]:
    """Return the messages and the tools of a call."""
    import understudy as u

    provider, kind, count = _parsed(what)
    if kind == "words":
        ask, answer = u.Message.user("Why is the sky blue?"), u.Message.assistant("Because of scattering.")
        return [*[ask, answer] * (count // 2), *[ask] * (count % 2)], []
    author = provider if kind == "tool loop" else next(name for name in _MODELS if name != provider)
    messages: list[u.Message] = [u.Message.user("What is the weather?")]
    while len(messages) < count - 1:
        call_id = f"call_{len(messages)}"
        if kind == "foreign loop":  # other servers write ids with characters, and longer ones, than either accepts
            call_id = f"functions.weather:{len(messages):032}"
        messages.append(u.Message.assistant(_step(author, call_id)))
        messages.append(u.Message.tool(u.ToolResult(call_id=call_id, content="18 degrees")))
    tool = u.Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
    return ([*messages, u.Message.user("And tomorrow?")] if count > 1 else messages), [tool]


def _step(author: str, call_id: str) -> tuple[Any, ...]:
    """Return the parts of an answer that calls a tool, as they are read from its author's answers."""
    import understudy as u
    from understudy.domain.content import Provenance, Thinking

    origin = Provenance(author, _MODELS[author], author, "https://one.test")
    call = u.ToolCall(id=call_id, name="weather", arguments='{"city": "Paris"}', provenance=origin)
    thinking = Thinking("Paris, then.", signature="c2ln", provenance=origin)
    return (thinking, call) if author == "anthropic" else (call,)


def _parsed(what: str) -> tuple[str, str, int]:
    provider, _, rest = what.partition(": ")
    kind, _, count = rest.rpartition(" ")
    return provider, kind, int(count)


def _transport(pieces: Sequence[bytes], *, is_whole: bool) -> Any:
    """Return a transport in memory that answers every request with the same pieces."""
    from understudy.wire.http import HttpHead, HttpRequest

    kind = "application/json" if is_whole else "text/event-stream"

    class Incoming:
        def __init__(self) -> None:
            self.head = HttpHead(200, {"content-type": kind})
            self._pieces = iter([*pieces, b""])

        async def read(self) -> bytes:
            return next(self._pieces)

        def release(self) -> None:
            return None

        def close(self) -> None:
            return None

    class Memory:
        async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
            return Incoming()

        async def aclose(self) -> None:
            return None

    return Memory()


def library_call(what: str) -> Callable[[], Awaitable[object]]:
    """Return one call. Uses only what every commit has that is worth comparing with."""
    import understudy as u

    is_whole = what == "plain" or what in CONVERSATIONS
    provider = _parsed(what)[0] if what in CONVERSATIONS else "openai"
    pieces = _whole(provider) if is_whole else _stream(2 * CHUNKS if what == "longer" else CHUNKS)
    config = u.ProviderConfig(
        provider=provider, api_key=u.Secret("sk-count"), text_model=_MODELS[provider], base_url="https://one.test/v1"
    )
    llm = u.create_provider(config, transport=_transport(pieces, is_whole=is_whole))

    async def seen() -> None:
        async for _ in llm.stream("Why is the sky blue?"):
            pass

    if what in CONVERSATIONS:
        messages, tools = _conversation(what)
        return lambda: llm.generate(messages, tools=tools)
    match what:
        case "plain":
            return lambda: llm.generate("Why is the sky blue?")
        case "inside":
            # An answer of that length has always been streamed inside, without any setting.
            return lambda: llm.generate("Why is the sky blue?", max_tokens=100_000)
        case _:
            return seen


async def _child(counted: Mapping[str, int]) -> None:
    for what, calls in counted.items():
        work = library_call(what)
        for _ in range(calls):  # the first calls load and compile what the later ones find there
            await work()
        callgrind.mark()
        for _ in range(calls):
            await work()
        callgrind.mark()


def in_memory(what: str) -> Any:
    """Return the provider of a served gateway: it answers with a stream to a request for one, else at once."""
    if "stream" in what or "longer" in what:
        chunks = 2 * CHUNKS if "longer" in what else CHUNKS
        return _transport(_stream(chunks, tools="tool" in what), is_whole=False)
    return _transport(_whole(), is_whole=True)


async def _served(counted: Mapping[str, int]) -> None:
    """Send requests to a gateway; what its ledger writes of them is counted apart, behind each kind."""
    from benchmarks.served import SIZES, Served, path_of

    for what, rounds in counted.items():
        if what == "ledger":
            continue
        with tempfile.TemporaryDirectory() as folder:
            served = Served(in_memory(what), Path(folder))
            for _ in range(rounds):
                await served.ask(SIZES[what](), path_of(what))
            await asyncio.to_thread(served.ledger.flush, 600.0)
            body, path = SIZES[what](), path_of(what)
            callgrind.mark()
            for _ in range(rounds):
                await served.ask(body, path)
            callgrind.mark()
            if what == next(iter(counted)):
                callgrind.mark()
                await asyncio.to_thread(served.ledger.flush, 600.0)
                callgrind.mark()
            served.close()


# ---- in the parent ----


def _counted(tree: Path, counted: Mapping[str, int], *options: str) -> dict[str, float]:
    """Return instructions per call, by what is called; `options` tell the child what that is."""
    found = callgrind.segments([__file__, "--child", *options], marks=2 * len(counted), tree=tree)
    return {what: each.instructions / calls for (what, calls), each in zip(counted.items(), found[1::2], strict=True)}


def _calls(tree: Path) -> dict[str, float]:
    """Return instructions per plain call, per chunk, per stream and per answer that is streamed inside."""
    each = _counted(tree, CALLS)
    return {
        "a plain call": each["plain"],
        "a chunk of a stream": (each["longer"] - each["stream"]) / CHUNKS,
        f"a stream of {CHUNKS} chunks": each["stream"],
        "the same, streamed inside": each["inside"],
    }


def _conversations(tree: Path) -> dict[str, float]:
    """Return instructions per call with a conversation."""
    counts = _counted(tree, CONVERSATIONS, "--conversations")
    return {f"{what} message{'s' * (not what.endswith(' 1'))}": count for what, count in counts.items()}


def _requests(tree: Path) -> dict[str, float]:
    """Return instructions per request to a gateway."""
    from benchmarks.served import CONCURRENCY

    counts = _counted(tree, SERVED, "--gateway")
    return {what: count / CONCURRENCY for what, count in counts.items()}


@contextmanager
def _tree_of(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", tree, commit], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def _report(rows: Iterable[tuple[str, float, float | None]]) -> None:
    for name, count, before in rows:
        ratio = f"   {count / before:6.3f} × {before:12,.0f}" if before else ""
        sys.stdout.write(f"{name:28} {count:12,.0f}{ratio}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the instructions of warm calls (valgrind).")
    parser.add_argument("--against", metavar="COMMIT", help="count another commit too, and print the ratios to it")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--conversations", action="store_true", help="count calls with 1 to 1,000 messages instead")
    parser.add_argument("--gateway", action="store_true", help="count requests to a gateway instead")
    arguments = parser.parse_args()
    if arguments.child and arguments.gateway:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_served(SERVED))
        return
    if arguments.child:
        asyncio.run(_child(CONVERSATIONS if arguments.conversations else CALLS))
        return
    count = _conversations if arguments.conversations else _requests if arguments.gateway else _calls
    counts = count(ROOT)
    before: dict[str, float] = {}
    if arguments.against:
        with _tree_of(arguments.against) as tree:
            before = count(tree)
    _report((name, count, before.get(name)) for name, count in counts.items())
    if arguments.conversations or arguments.gateway:
        return
    inside, stream, plain = (counts[name] for name in list(counts)[:1:-1] + list(counts)[:1])
    sys.stdout.write(f"streamed inside: {inside / stream:.3f} × the stream, {inside / plain:.1f} × a plain call\n")


if __name__ == "__main__":
    main()
