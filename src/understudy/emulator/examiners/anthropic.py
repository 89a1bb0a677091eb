"""The rules of Anthropic's Messages API, in both of its versions and for each family of its models.

Where no source quotes the API's words, they are made in its manner; status and type are always its own.
"""

from __future__ import annotations

from understudy.emulator.cast.base import Check
from understudy.emulator.examiners import anthropic_media as media
from understudy.emulator.examiners import anthropic_models as models
from understudy.emulator.examiners import anthropic_schemas as schemas
from understudy.emulator.examiners import anthropic_turns as turns
from understudy.emulator.examiners.anthropic_body import fields, formed, has_version, sampling_removed, user_id
from understudy.emulator.examiners.base import CHAT, PROMPTS, Examiner, Rule

_READ = "2026-11-28"
_DOCS = "https://platform.claude.com/docs/en"
_TYPES = "anthropic 2.12.0: anthropic/types"
_CODE = "https://github.com/anthropics/claude-code/issues"
_STRUCTURED = f"{_DOCS}/build-with-claude/structured-outputs#json-schema-limitations"
_THINKING = f"{_DOCS}/build-with-claude/thinking#configuring-thinking"
_STRICT_TOOLS = "https://github.com/0xPlaygrounds/rig/tree/main/tests/cassettes/anthropic/messages_strict_tools"


def _rule(name: str, source: str, check: Check) -> Rule:
    """Return a rule for prompts to answer and to count."""
    return Rule(name=name, source=source, read=_READ, check=check, operations=PROMPTS)


def _formed(name: str, source: str, check: Check) -> Rule:
    """Return a rule that presupposes well-formed fields."""
    return _rule(name, source, formed(check))


def _answer(name: str, source: str, check: Check) -> Rule:
    """Return a rule for prompts to answer, which presupposes well-formed fields."""
    return Rule(name=name, source=source, read=_READ, check=formed(check), operations=CHAT)


_BODY = (
    _rule("version-header", f"{_DOCS}/api/versioning", has_version),
    _rule("sampling-removed", f"{_DOCS}/api/versioning", sampling_removed),
    _rule("required-fields", f"{_TYPES}/message_create_params.py", fields("missing")),
    _rule("unknown-fields", f"{_TYPES}/message_create_params.py", fields("extra")),
    _rule("field-values", f"{_TYPES}/message_create_params.py", fields("value")),
)
_USERS = (_answer("user-id", "https://github.com/BerriAI/litellm/issues/10106", user_id),)
_TURNS = (
    _formed("some-message", f"{_DOCS}/api/messages", turns.some_message),
    _formed("system-messages", f"{_DOCS}/build-with-claude/mid-conversation-system-messages", turns.system_messages),
    _formed("system-settings", f"{_DOCS}/build-with-claude/effort-per-message", turns.system_settings),
    _formed("block-roles", f"{_DOCS}/agents-and-tools/tool-use/handle-tool-calls", turns.block_roles),
    _formed("removed-blocks", f"{_DOCS}/api/versioning", turns.removed_blocks),
    _formed("empty-messages", f"{_CODE}/6774", turns.empty_messages),
    _formed("empty-text", f"{_CODE}/23369", turns.empty_text),
    _formed("unique-calls", f"{_DOCS}/agents-and-tools/tool-use/handle-tool-calls", turns.unique_calls),
    _formed("results-after-calls", f"{_CODE}/8210", turns.results_after_calls),
    _formed("unique-results", f"{_DOCS}/agents-and-tools/tool-use/handle-tool-calls", turns.unique_results),
    _formed("failed-results", "https://github.com/jlevy/markform/issues/153", turns.failed_results),
    _formed("thinking-first", f"{_DOCS}/build-with-claude/extended-thinking#preserving-thinking-blocks",
            turns.thinking_first),
    _formed("thinking-signatures", "https://github.com/anthropics/anthropic-sdk-python/issues/1598",
            turns.thinking_signatures),
    _formed("trailing-space", f"{_DOCS}/api/errors", turns.trailing_space),
)  # fmt: skip
_MEDIA = (
    _formed("media-urls", f"{_TYPES}/url_image_source_param.py", media.urls),
    _formed("media-base64", f"{_TYPES}/base64_image_source_param.py", media.base64_data),
    _formed("media-bytes", "https://github.com/BerriAI/litellm/issues/24900", media.bytes_of_type),
    _formed("cache-marks", f"{_DOCS}/build-with-claude/prompt-caching", media.cache_marks),
    _formed("cache-order", "https://github.com/headroomlabs-ai/headroom/issues/2939", media.cache_order),
)
_TOOLS = (
    _formed("tool-names", f"{_DOCS}/agents-and-tools/tool-use/define-tools", schemas.tool_names),
    _formed("tool-choice", f"{_DOCS}/agents-and-tools/tool-use/define-tools", schemas.tool_choice),
    _formed("forced-tool", "https://github.com/can1357/oh-my-pi/issues/12939", models.forced_tool),
    _formed("input-objects", f"{_CODE}/27337", schemas.input_objects),
    _formed("property-keys", f"{_CODE}/79418", schemas.property_keys),
    _formed("valid-schemas", f"{_CODE}/86664", schemas.valid_schemas),
    _formed("strict-tools", _STRICT_TOOLS, schemas.strict_tools),
    _formed("strict-subset", _STRICT_TOOLS, schemas.subset_of_tools),
    _formed("former-format", _STRUCTURED, schemas.former_format),
    _formed("answer-subset", _STRUCTURED, schemas.subset_of_answer),
    _formed("schema-complexity", _STRICT_TOOLS, schemas.complexity),
)
_MODELS = (
    _formed("thinking-type", _THINKING, models.thinking_type),
    _answer("thinking-budget", f"{_TYPES}/thinking_config_enabled_param.py", models.thinking_budget),
    _formed("effort", f"{_DOCS}/build-with-claude/effort", models.effort),
    _answer("answer-length", "https://github.com/jin-bo/agentao/pull/296", models.answer_length),
    _answer("sampling-ranges", f"{_DOCS}/api/messages", models.sampling_ranges),
    _answer("sampling-of-family", f"{_DOCS}/about-claude/model-deprecations#api-parameter-deprecations",
            models.sampling_of_family),
    _answer("sampling-with-thinking", f"{_DOCS}/build-with-claude/extended-thinking#feature-compatibility",
            models.sampling_with_thinking),
    _answer("stop-sequences", "https://github.com/BerriAI/litellm/issues/3286", models.stop_sequences),
    _formed("prefill", f"{_DOCS}/api/errors#prefill-not-supported", models.prefill),
)  # fmt: skip

EXAMINER = Examiner((*_BODY, *_USERS, *_TURNS, *_MEDIA, *_TOOLS, *_MODELS))
