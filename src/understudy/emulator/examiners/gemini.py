"""The rules of Google's Gemini API: generateContent, countTokens, embedContent and batchEmbedContents.

Where no source quotes the API's words, they are made in its manner; status and code are always its own.
"""

from __future__ import annotations

from collections.abc import Callable

from understudy.emulator.cast.base import Check, Words
from understudy.emulator.examiners import gemini_config as config
from understudy.emulator.examiners import gemini_embeddings as embeddings
from understudy.emulator.examiners import gemini_media as media
from understudy.emulator.examiners import gemini_schemas as schemas
from understudy.emulator.examiners import gemini_turns as turns
from understudy.emulator.examiners.base import CHAT, EMBED, PROMPTS, Examiner, Rule
from understudy.emulator.examiners.gemini_reading import Body, front, read

_READ = "2026-11-28"
_API = "https://ai.google.dev/api"
_DOCS = "https://ai.google.dev/gemini-api/docs"
_CLI = "https://github.com/google-gemini/gemini-cli/issues"
_CONFIG = f"{_API}/generate-content#v1beta.GenerationConfig"


def _front(name: str, source: str, check: Check) -> Rule:
    return Rule(name=name, source=source, read=_READ, check=check, operations=PROMPTS | EMBED)


def _prompt(name: str, source: str, check: Callable[[Body], Words | None]) -> Rule:
    """Return a rule for prompts to answer and to count."""
    return Rule(name=name, source=source, read=_READ, check=read(check), operations=PROMPTS)


def _answer(name: str, source: str, check: Callable[[Body], Words | None]) -> Rule:
    """Return a rule for prompts to answer."""
    return Rule(name=name, source=source, read=_READ, check=read(check), operations=CHAT)


def _embed(name: str, source: str, check: Callable[[Body], Words | None]) -> Rule:
    return Rule(name=name, source=source, read=_READ, check=read(check), operations=EMBED)


_FRONT = (
    _front("unknown-names", "https://github.com/zed-industries/zed/issues/44875", front("name")),
    _front("field-values", "https://github.com/zereight/gitlab-mcp/issues/166", front("value")),
    _front("one-data-field", "https://protobuf.dev/programming-guides/json", front("oneof")),
)
_TURNS = (
    _prompt("some-content", f"{_API}/generate-content", turns.some_content),
    _prompt("roles", "https://github.com/songquanpeng/one-api/issues/1385", turns.roles),
    _prompt("some-parts", "https://github.com/vercel/ai/issues/3775", turns.some_parts),
    _prompt("part-data", f"{_CLI}/5575", turns.part_data),
    _answer("system-text", f"{_API}/generate-content", turns.system_text),
    _answer("single-turn", "https://github.com/microsoft/semantic-kernel/pull/13288", turns.single_turn),
    _answer("calls-after-user", f"{_CLI}/26486", turns.calls_after_user),
    _answer("responses-after-calls", "https://github.com/langchain-ai/langchain/issues/27799",
            turns.responses_after_calls),
    _answer("as-many-responses", f"{_CLI}/17208", turns.as_many_responses),
    _answer("named-functions", "https://github.com/AstrBotDevs/AstrBot/pull/1228", turns.named_functions),
    _answer("response-names", f"{_DOCS}/function-calling", turns.response_names),
    _answer("response-media", f"{_DOCS}/function-calling#multimodal", turns.response_media),
    _answer("signatures", f"{_DOCS}/thought-signatures", turns.signatures),
    _answer("own-signatures", "https://github.com/heyhuynhgiabuu/proxypal/issues/119", turns.own_signatures),
    _answer("last-turn", f"{_DOCS}/generate-content/whats-new-gemini-3.6", turns.last_turn),
)  # fmt: skip
_MEDIA = (
    _answer("mime-types", "https://github.com/charmbracelet/crush/issues/995", media.mime_types),
    _answer("media-bytes", f"{_DOCS}/image-understanding", media.bytes_of_type),
    _answer("file-addresses", "https://github.com/BerriAI/litellm/issues/11529", media.file_addresses),
)
_TOOLS = (
    _answer("function-names", "google-genai 3.4.0: google/genai/types.py#FunctionDeclaration.name",
            schemas.function_names),
    _answer("distinct-functions", f"{_DOCS}/function-calling", schemas.distinct_functions),
    _answer("one-schema", "google-genai 3.4.0: google/genai/types.py#FunctionDeclaration", schemas.one_schema),
    _answer("parameters-object", "https://github.com/livekit/agents/pull/2689", schemas.parameters_object),
    _answer("openapi-schemas", "https://github.com/anomalyco/opencode/issues/11889", schemas.openapi_schemas),
    _answer("json-schemas", "google-genai 3.4.0: google/genai/types.py#FunctionDeclaration", schemas.json_schemas),
    _answer("json-parameters-object", "google-genai 3.4.0: google/genai/types.py#FunctionDeclaration",
            schemas.json_parameters_object),
    _answer("answer-references", _CONFIG, schemas.answer_references),
    _answer("function-calling", "https://github.com/musistudio/claude-code-router/pull/1207", config.function_calling),
    _answer("form-with-tools", "https://github.com/Simpleyyt/ai-manus/issues/101", config.form_with_tools),
    _answer("built-in-tools", "https://github.com/cloudwego/eino-ext/issues/761", config.built_in_tools),
)  # fmt: skip
_NUMBERS = (
    _answer("ranges", _CONFIG, config.ranges),
    _answer("stop-sequences", _CONFIG, config.stops),
    _answer("penalties", "https://github.com/PublicAffairs/openai-gemini/issues/63", config.penalties),
    _answer("candidates", "https://github.com/googleapis/js-genai/issues/1609", config.candidates),
    _answer("logprobs", _CONFIG, config.logprobs),
    _answer("answer-type", _CONFIG, config.mime_type),
    _answer("thinking", f"{_DOCS}/thinking", config.thinking),
)
_EMBEDDINGS = (
    _embed("batch-size", "https://github.com/geldata/gel/issues/9032", embeddings.batch_size),
    _embed("batch-models", f"{_API}/embeddings", embeddings.model_names),
    _embed("some-text", "https://github.com/lingfengQAQ/webnovel-writer/pull/51", embeddings.some_text),
    _embed("dimensions", f"{_DOCS}/embeddings#control-embedding-size", embeddings.dimensions),
)

EXAMINER = Examiner((*_FRONT, *_TURNS, *_MEDIA, *_TOOLS, *_NUMBERS, *_EMBEDDINGS))
