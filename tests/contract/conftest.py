"""One test a recording: the fixture's name says which recordings it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.conftest import RECORDINGS
from tests.contract.built import built
from tests.contract.recordings import Recording, load
from tests.contract.scope import exclusion, is_request
from tests.contract.streams import Stream, stream_of

CHOICE: dict[str, Callable[[Recording], bool]] = {
    "chat": lambda r: r.operation in ("chat", "chat_stream", "generate", "generate_stream"),
    "stream": lambda r: r.operation in ("chat_stream", "generate_stream"),
    "whole": lambda r: r.operation in ("chat", "generate"),
    "embedding": lambda r: r.operation == "embed",
    "model_list": lambda r: r.operation == "models",
    "token_count": lambda r: r.operation == "count_tokens",
    "error": lambda r: r.operation == "error",
    "prediction": lambda r: r.operation in ("predict", "predict_get", "cancel"),
    "prediction_stream": lambda r: r.operation == "predict_stream",
    "requested": is_request,
}
"""Fixture name -> the recordings in scope that it stands for."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = (*load(metafunc.config.stash[RECORDINGS]), *built())
    for name, wanted in CHOICE.items():
        if name in metafunc.fixturenames:
            chosen = [recording for recording in found if exclusion(recording) is None and wanted(recording)]
            ids = [recording.name for recording in chosen]
            metafunc.parametrize(name, chosen, ids=ids, indirect=name == "stream")


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Stream:
    """A recorded stream, ready to be decoded."""
    return stream_of(request.param)


@pytest.fixture
def recordings(request: pytest.FixtureRequest) -> tuple[Recording, ...]:
    """All recordings of the folder, in scope or not."""
    return load(request.config.stash[RECORDINGS])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    recordings = load(config.stash[RECORDINGS])
    inside = Counter(recording.provider for recording in recordings if exclusion(recording) is None)
    outside = Counter(reason for recording in recordings if (reason := exclusion(recording)) is not None)
    terminalreporter.section("recordings")
    by_provider = ", ".join(f"{provider} {count}" for provider, count in sorted(inside.items()))
    terminalreporter.write_line(f"{len(recordings)} recordings, {inside.total()} in scope: {by_provider}")
    for reason, count in outside.most_common():
        terminalreporter.write_line(f"{count} out of scope: {reason}")
