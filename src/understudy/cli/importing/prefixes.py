"""What LiteLLM's providers are here, by the prefix of `model` (https://docs.litellm.ai/docs/providers, late 2026)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec


class BuiltIn(msgspec.Struct, frozen=True):
    """A provider that is built in here too."""

    provider: str
    key_variable: str | None
    """The variable from which LiteLLM reads the key if none is written."""
    base_variable: str | None = None


class Compatible(msgspec.Struct, frozen=True):
    """A provider that speaks OpenAI's chat completions: a type of one's own."""

    base_url: str | None
    """`None`: each deployment writes its own."""
    key_variable: str | None
    base_variable: str | None = None


class Missing(msgspec.Struct, frozen=True):
    """A provider that cannot be expressed."""

    why: str


Prefix = BuiltIn | Compatible | Missing

_CLOUD = "requests to {} are signed with credentials of the cloud: see docs/authentication.md"
_NO_CHAT = "{} is not a provider of chats or embeddings"

PREFIXES: Mapping[str, Prefix] = {
    "openai": BuiltIn("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "azure": BuiltIn("azure-openai", "AZURE_API_KEY", "AZURE_API_BASE"),
    "anthropic": BuiltIn("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "gemini": BuiltIn("google", "GEMINI_API_KEY"),
    "groq": BuiltIn("groq", "GROQ_API_KEY"),
    "together_ai": BuiltIn("together", "TOGETHERAI_API_KEY"),
    "replicate": BuiltIn("replicate", "REPLICATE_API_KEY"),
    "huggingface": BuiltIn("huggingface", "HUGGINGFACE_API_KEY"),
    "cohere": BuiltIn("cohere", "COHERE_API_KEY"),
    "cohere_chat": BuiltIn("cohere", "COHERE_API_KEY"),
    "ollama": BuiltIn("ollama", None, "OLLAMA_API_BASE"),
    "ollama_chat": BuiltIn("ollama", None, "OLLAMA_API_BASE"),
    # OpenAI's wire format under addresses of their own.
    "cerebras": Compatible("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "dashscope": Compatible("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    "deepinfra": Compatible("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "deepseek": Compatible("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks_ai": Compatible("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "github": Compatible("https://models.github.ai/inference", "GITHUB_API_KEY"),
    "hyperbolic": Compatible("https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    "mistral": Compatible("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "moonshot": Compatible("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "nebius": Compatible("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    "novita": Compatible("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "nvidia_nim": Compatible("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "openrouter": Compatible("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": Compatible("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "sambanova": Compatible("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "xai": Compatible("https://api.x.ai/v1", "XAI_API_KEY"),
    # Servers of one's own.
    "custom_openai": Compatible(None, "OPENAI_API_KEY"),
    "hosted_vllm": Compatible(None, None, "HOSTED_VLLM_API_BASE"),
    "litellm_proxy": Compatible(None, "LITELLM_PROXY_API_KEY", "LITELLM_PROXY_API_BASE"),
    "llamafile": Compatible("http://127.0.0.1:8080/v1", None, "LLAMAFILE_API_BASE"),
    "lm_studio": Compatible(None, None, "LM_STUDIO_API_BASE"),
    "openai_like": Compatible(None, None),
    "vllm": Compatible(None, None),
    "xinference": Compatible("http://127.0.0.1:9997/v1", None, "XINFERENCE_API_BASE"),
    # Others.
    "bedrock": Missing(_CLOUD.format("Amazon Bedrock")),
    "bedrock_converse": Missing(_CLOUD.format("Amazon Bedrock")),
    "sagemaker": Missing(_CLOUD.format("Amazon SageMaker")),
    "sagemaker_chat": Missing(_CLOUD.format("Amazon SageMaker")),
    "vertex_ai": Missing(_CLOUD.format("Vertex AI")),
    "vertex_ai_beta": Missing(_CLOUD.format("Vertex AI")),
    "watsonx": Missing(_CLOUD.format("watsonx.ai")),
    "text-completion-openai": Missing("completions without chat are not a provider's operation here"),
    "text-completion-codestral": Missing("completions without chat are not a provider's operation here"),
    "elevenlabs": Missing(_NO_CHAT.format("ElevenLabs")),
    "deepgram": Missing(_NO_CHAT.format("Deepgram")),
    "assemblyai": Missing(_NO_CHAT.format("AssemblyAI")),
    "auto_router": Missing("routing by the meaning of prompts is not built in; see docs/choosing.md for tasks"),
}

_BY_NAME: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(gpt-|chatgpt-|o[1-9]\b|text-embedding-|codex-|dall-e|whisper|tts-|omni-moderation)"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"(command|embed-(english|multilingual)|c4ai-)"), "cohere"),
    (re.compile(r"gemini"), "vertex_ai"),  # without `gemini/` LiteLLM takes it for Vertex AI's
)
"""Providers that LiteLLM infers from the name of a model without a prefix."""


def split(model: str, custom: str | None) -> tuple[str | None, str]:
    """Return the prefix of a model and the rest; `None` if it does not state its provider.

    `custom` is `custom_llm_provider`, which prevails.
    """
    first, slash, rest = model.partition("/")
    if custom:
        return custom, rest if slash and first == custom else model
    if slash and first in PREFIXES:
        return first, rest
    if slash:
        return (first, rest) if re.fullmatch(r"[a-z0-9_]+", first) else (None, model)
    if first in PREFIXES:  # as in `azure/`, without a model
        return first, ""
    return next((prefix for pattern, prefix in _BY_NAME if pattern.match(model)), None), model


def kind_of(prefix: str) -> Prefix:
    """Return what a prefix is here."""
    return PREFIXES.get(prefix) or Missing(
        f"{prefix} is not built in: if it speaks OpenAI's wire format, add it as [llm.provider_types.{prefix}]"
    )
