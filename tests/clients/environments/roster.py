"""The clients that have an environment of their own, in the versions that were tried, and the APIs that they speak.

Only the standard library is imported here: the clients' own environments read this table, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_NO_LIST = "it lists no models"


class Client(NamedTuple):
    """One client of the gateway."""

    name: str
    installer: str
    """`pip` or `npm`."""
    packages: tuple[str, ...]
    faces: Mapping[str, str]
    """The APIs that it speaks, and what speaks for it there: a class in a module of `tests.clients`, or of Node's."""
    lacks: Mapping[str, str] = {}
    """What it does not have, and why; at one of its APIs alone if that follows a colon (`image:chat`)."""
    own: str = "openai"
    """Its own vendor at an API that several vendors have."""

    def reason(self, operation: str, face: str) -> str | None:
        """Return why an operation is not asked of it; `None` if it is."""
        return self.lacks.get(operation) or self.lacks.get(f"{operation}:{face}")


def _pip(name: str, *packages: str, own: str = "openai", lacks: Mapping[str, str] = {}, **faces: str) -> Client:
    return Client(name, "pip", packages, faces, lacks, own)


def _npm(name: str, *packages: str, lacks: Mapping[str, str] = {}, **faces: str) -> Client:
    return Client(name, "npm", packages, faces, lacks)


_NO_COUNT = {"count:chat": "its API has no count", "count:ollama": "its API has no count"}
_LANGCHAIN = {"models": _NO_LIST, "streamed schema": "a schema is its own question"}
_OWN_COUNT = "it counts by itself"
_NO_THINKING = "it shows no thinking"
_NO_VECTORS = "its API has no vectors"
_MERGED = "it mixes up parallel calls of a stream, at Cohere itself too"
# fmt: off
_LISTED = (
    _pip("openai", "openai==3.57.0", chat="openai_client:OpenAI", responses="openai_client:Responses",
         lacks=_NO_COUNT),
    _pip("anthropic", "anthropic==2.14.0", messages="anthropic_client:Anthropic", lacks={"embed": _NO_VECTORS}),
    _pip("google-genai", "google-genai==3.6.1", gemini="google_client:Google"),
    _pip("cohere", "cohere==7.3.1", cohere="cohere_client:Cohere"),
    _pip("ollama", "ollama==0.6.3", ollama="ollama_client:Ollama", lacks=_NO_COUNT),
    _pip("groq", "groq==1.7.0", chat="groq_client:Groq", own="groq", lacks=_NO_COUNT),
    _pip("langchain-openai", "langchain-openai==1.7.4", chat="environments.langchain:ChatCompletions",
         responses="environments.langchain:Responses", lacks={
             **_LANGCHAIN, "count": _OWN_COUNT, "thinking:chat": _NO_THINKING,
             "streamed thinking:chat": _NO_THINKING,
         }),
    _pip("langchain-anthropic", "langchain-anthropic==1.7.10", messages="environments.langchain:Messages",
         lacks={**_LANGCHAIN, "embed": _NO_VECTORS}),
    _pip("langchain-google-genai", "langchain-google-genai==4.4.3", gemini="environments.langchain:Gemini",
         lacks=_LANGCHAIN),
    _pip("langchain-ollama", "langchain-ollama==1.1.0", ollama="environments.langchain:Ollama",
         lacks={**_LANGCHAIN, "count": _OWN_COUNT}),
    _pip("langchain-cohere", "langchain-cohere==0.6.0", cohere="environments.langchain:Cohere", lacks={
        **_LANGCHAIN, "thinking": _NO_THINKING, "streamed thinking": _NO_THINKING, "streamed tools": _MERGED,
    }),
)
# fmt: on
CLIENTS = {client.name: client for client in _LISTED}
