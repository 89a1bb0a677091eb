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
_LANGCHAIN = {"models": _NO_LIST}
_OWN_COUNT = "it counts by itself"
_NO_THINKING = "it shows no thinking"
_NO_VECTORS = "its API has no vectors"
_VALUES = "its answers are values of a type"
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
        **_LANGCHAIN, "thinking": "it drops thinking beside calls",
        "streamed thinking": "it cannot send back the thinking that it shows: its SDK refuses that",
    }),
    _pip("pydantic-ai", "pydantic-ai-slim[openai,anthropic,google]==2.68.0", chat="environments.pydantic_agents:Chat",
         responses="environments.pydantic_agents:Responses", messages="environments.pydantic_agents:Messages",
         gemini="environments.pydantic_agents:Gemini", lacks={
             "models": _NO_LIST, "count": _OWN_COUNT, "embed:messages": _NO_VECTORS,
         }),
    _pip("instructor", "instructor[anthropic,google-genai]==1.17.0", chat="environments.instructing:Chat",
         responses="environments.instructing:Responses", messages="environments.instructing:Messages",
         gemini="environments.instructing:Gemini", lacks={
             "models": _NO_LIST, "count": _OWN_COUNT, "embed": _NO_VECTORS, "plain": _VALUES, "streamed plain": _VALUES,
             "tool": _VALUES, "tools": _VALUES, "streamed tool": _VALUES, "streamed tools": _VALUES,
             "thinking": _VALUES, "streamed thinking": _VALUES,
         }),
    _pip("openai-agents", "openai-agents==0.24.0", chat="environments.openai_agents:Chat",
         responses="environments.openai_agents:Responses", lacks={
             "models": _NO_LIST, "count": _OWN_COUNT, "embed": _NO_VECTORS,
         }),
    _pip("llm", "llm==0.36", chat="environments.simon_llm:Chat", responses="environments.simon_llm:Responses", lacks={
        "models": _NO_LIST, "count": _OWN_COUNT, "embed": _NO_VECTORS, "thinking:chat": _NO_THINKING,
        "streamed thinking:chat": _NO_THINKING, "finish": "it states no reason",
    }),
    _npm("openai-npm", "openai@7.59.0", chat="openai_node.mjs:Chat", responses="openai_node.mjs:Responses",
         lacks={**_NO_COUNT, "streamed thinking:chat": "its accumulator does not add up what it does not know"}),
    _npm("anthropic-npm", "@anthropic-ai/sdk@1.14.0", messages="anthropic_node.mjs:Messages",
         lacks={"embed": _NO_VECTORS}),
    _npm("ai", "ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/anthropic@4.0.105", "@ai-sdk/google@4.0.121",
         "zod@4.6.7", chat="vercel_ai.mjs:Chat", responses="vercel_ai.mjs:Responses", messages="vercel_ai.mjs:Messages",
         gemini="vercel_ai.mjs:Gemini", lacks={
             "models": _NO_LIST, "count": "it counts nothing ahead", "embed:messages": _NO_VECTORS,
             "thinking:chat": _NO_THINKING, "streamed thinking:chat": _NO_THINKING,
         }),
)
# fmt: on
CLIENTS = {client.name: client for client in _LISTED}
