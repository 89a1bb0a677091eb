"""understudy without `async` and `await`: the same names and the same options, for plain synchronous code.

    from understudy import blocking

    with blocking.from_config() as llm:
        answer = llm.generate("Why is the sky blue?")
        for text in llm.stream("Tell me a story.").text():
            print(text, end="")

Nothing is implemented twice: every call runs on one event loop, which has a daemon thread of its own from the first
call on, and serves all threads of the process. A forked process starts a loop of its own.
"""

from __future__ import annotations

from understudy.blocking.conversation import Conversation
from understudy.blocking.media import fetch_media
from understudy.blocking.provider import LLMProvider, Provider, ProviderManager, create_provider, from_config
from understudy.blocking.stream import ResponseStream, RunStream

__all__ = [
    "Conversation",
    "LLMProvider",
    "Provider",
    "ProviderManager",
    "ResponseStream",
    "RunStream",
    "create_provider",
    "fetch_media",
    "from_config",
]


def __getattr__(name: str) -> object:
    """Return `Provider` under the name that it had before."""
    if name == "DialectProvider":
        import warnings

        warnings.warn("understudy.blocking.DialectProvider is now Provider", DeprecationWarning, stacklevel=2)
        return Provider
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
