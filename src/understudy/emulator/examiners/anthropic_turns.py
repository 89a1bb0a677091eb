"""The order of turns and blocks in the Messages API, and what a block of text may hold."""

from __future__ import annotations

from itertools import chain

from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners.anthropic_reading import (
    SAMPLING_REMOVED,
    Block,
    Turn,
    content_blocks,
    family,
    invalid,
    last_turn,
    message_blocks,
    system_blocks,
    turns,
    version,
)
from understudy.emulator.examiners.file_types import decoded


def some_message(request: CheckedRequest) -> Words | None:
    """Refuse a conversation without a message."""
    return None if request.body["messages"] else invalid("messages", "at least one message is required")


def empty_messages(request: CheckedRequest) -> Words | None:
    """Refuse a message without content, except the last if it is the assistant's."""
    messages = request.body["messages"]
    for at, message in enumerate(messages):
        last = at == len(messages) - 1 and message["role"] == "assistant"
        if not message["content"] and not last and not message.get("output_config"):
            words = "all messages must have non-empty content except for the optional final assistant message"
            return invalid(f"messages.{at}", words)
    return None


def empty_text(request: CheckedRequest) -> Words | None:
    """Refuse a block of text that is empty or white space alone."""
    for where, block in chain(
        (("messages", block) for _, block in message_blocks(request)),
        (("system", block) for block in system_blocks(request)),
    ):
        if block.type != "text" or block.body["text"].strip():
            continue
        if block.body["text"]:
            return invalid(where, "text content blocks must contain non-whitespace text")
        if block.body.get("cache_control"):
            return invalid(f"{block.path}.text", "cache_control cannot be set for empty text blocks")
        return invalid(where, "text content blocks must be non-empty")
    return None


def trailing_space(request: CheckedRequest) -> Words | None:
    """Refuse white space at the end of a prefill."""
    last = last_turn(request)
    block = last.blocks[-1] if last and last.role == "assistant" and last.blocks else None
    if block is None or block.type != "text" or block.body["text"] == block.body["text"].rstrip():
        return None
    return invalid("messages", "final assistant content cannot end with trailing whitespace")


_ROLES = {
    "tool_use": "assistant",
    "tool_result": "user",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
}


def block_roles(request: CheckedRequest) -> Words | None:
    """Refuse blocks in a message of another role than theirs, and all but text in a system message."""
    for role, block in message_blocks(request):
        if role == "system" and block.type != "text":
            return invalid(block.path, f"`{block.type}` blocks are not permitted in `system` messages")
        own = _ROLES.get(block.type, role)
        if own != role:
            return invalid(block.path, f"`{block.type}` blocks can only be in `{own}` messages")
    return None


def removed_blocks(request: CheckedRequest) -> Words | None:
    """Refuse what the version of October 2026 removed: documents of the assistant, citations of the user."""
    if version(request) < SAMPLING_REMOVED:
        return None
    for role, block in message_blocks(request):
        if role == "assistant" and block.type == "document":
            return invalid(block.path, "`document` blocks can only be in `user` messages")
        if role == "user" and block.type == "text" and block.body.get("citations"):
            return invalid(f"{block.path}.text.citations", "Extra inputs are not permitted")
    return None


def system_messages(request: CheckedRequest) -> Words | None:
    """Refuse system messages on models without them, first, after the assistant, or between a call and its result."""
    messages = request.body["messages"]
    for at, message in enumerate(messages):
        if message["role"] != "system" or not message["content"]:
            continue
        model = family(request)
        if model is not None and model.version < (4, 8):
            words = (
                'Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
                'not "system" as an input message role.'
            )
            return invalid("messages", words)
        if at == 0:
            return invalid("messages.0", "use the top-level 'system' parameter for the initial system prompt")
        follows = _end(messages[at - 1]["role"], content_blocks(messages[at - 1]["content"], ""))
        if follows not in ("user", "server"):
            return invalid(f"messages.{at}", "a system message must follow a user message")
        if at + 1 < len(messages) and messages[at + 1]["role"] != "assistant":
            return invalid(f"messages.{at}", "a system message must be last or be followed by an assistant message")
    return None


_SYSTEM_SETTINGS = {
    "output_config": ("per-turn-control-", "mid-conversation-output-config-"),
    "clear_at": ("per-turn-control-", "mid-conversation-system-clear-at-"),
}
"""The settings of system messages, with the names of the beta headers that allow each."""


def system_settings(request: CheckedRequest) -> Words | None:
    """Refuse the settings of system messages elsewhere, or without a beta header that allows them."""
    given = tuple(name.strip() for name in request.headers.get("anthropic-beta", "").split(","))
    for at, message in enumerate(request.body["messages"]):
        for field, betas in _SYSTEM_SETTINGS.items():
            allowed = message["role"] == "system" and any(name.startswith(betas) for name in given)
            if field in message and not allowed:
                return invalid(f"messages.{at}.{field}", "Extra inputs are not permitted")
    return None


def _end(role: str, blocks: tuple[Block, ...]) -> str:
    """Return the role of a message, or `server` for an assistant's that ends with a server tool."""
    own = {"text", "thinking", "redacted_thinking", "tool_use"}
    return "server" if role == "assistant" and blocks and blocks[-1].type not in own else role


def results_after_calls(request: CheckedRequest) -> Words | None:
    """Refuse calls whose results do not lead the next turn, and results without a call in the turn before."""
    waiting: dict[str, int] = {}
    for turn in turns(request):
        results = [block for block in turn.blocks if block.type == "tool_result"]
        led = _leading(turn)
        for block in results:
            call_id = block.body["tool_use_id"]
            if call_id not in waiting:
                words = (
                    f"unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. Each `tool_result` block "
                    "must have a corresponding `tool_use` block in the previous message."
                )
                return invalid(block.path, words)
        if missing := [call_id for call_id in waiting if call_id not in led]:
            return _unanswered(waiting[missing[0]], missing)
        waiting = {block.body["id"]: turn.at for block in turn.blocks if block.type == "tool_use"}
    return _unanswered(*_last(waiting)) if waiting else None


def _leading(turn: Turn) -> set[str]:
    """Return the ids of the results at the beginning of a turn."""
    found: set[str] = set()
    for block in turn.blocks:
        if block.type != "tool_result":
            break
        found.add(block.body["tool_use_id"])
    return found


def _last(waiting: dict[str, int]) -> tuple[int, list[str]]:
    return next(iter(waiting.values())), list(waiting)


def _unanswered(at: int, call_ids: list[str]) -> Words:
    words = (
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(call_ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
    return invalid(f"messages.{at}", words)


def unique_calls(request: CheckedRequest) -> Words | None:
    """Refuse an id that two calls share."""
    seen: set[str] = set()
    for _, block in message_blocks(request):
        if block.type != "tool_use":
            continue
        if block.body["id"] in seen:
            return invalid("messages", "`tool_use` ids must be unique")
        seen.add(block.body["id"])
    return None


def unique_results(request: CheckedRequest) -> Words | None:
    """Refuse two results of one call in a turn."""
    for turn in turns(request):
        seen: set[str] = set()
        for block in turn.blocks:
            if block.type != "tool_result":
                continue
            if (call_id := block.body["tool_use_id"]) in seen:
                words = "each tool_use must have a single result. Found multiple `tool_result` blocks with id: "
                return invalid(block.path, words + call_id)
            seen.add(call_id)
    return None


def failed_results(request: CheckedRequest) -> Words | None:
    """Refuse a failed result without words, or with anything but words."""
    for _, block in message_blocks(request):
        if block.type != "tool_result" or not block.body.get("is_error"):
            continue
        content = block.body.get("content")
        if not content:
            return invalid(f"{block.path}.tool_result", "content cannot be empty if `is_error` is true")
        if any(one.type != "text" for one in content_blocks(content, "")):
            return invalid(f"{block.path}.tool_result", "all content must be type `text` if `is_error` is true")
    return None


_THOUGHTS = ("thinking", "redacted_thinking")


def thinking_first(request: CheckedRequest) -> Words | None:
    """Refuse an assistant turn under way that does not begin with its thinking, while a budget for thinking is set.

    Models that think adaptively do not ask for this.
    """
    if request.section("thinking").get("type") != "enabled":
        return None
    under_way: Turn | None = None
    for turn in reversed(turns(request)):
        if turn.role == "assistant":
            under_way = turn
        elif not any(block.type == "tool_result" for block in turn.blocks):
            break
    if under_way is None or not under_way.blocks or under_way.blocks[0].type in _THOUGHTS:
        return None
    found = under_way.blocks[0]
    words = (
        f"Expected `thinking` or `redacted_thinking`, but found `{found.type}`. When `thinking` is enabled, a final "
        "`assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and "
        "`tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid this "
        "requirement, disable `thinking`. Please consult our documentation at "
        "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
    )
    return invalid(f"{found.path}.type", words)


_EMULATED = 48
"""The length of the signatures that the emulator makes."""


def thinking_signatures(request: CheckedRequest) -> Words | None:
    """Refuse thinking that neither the service nor the emulator signed."""
    for _, block in message_blocks(request):
        if block.type != "thinking":
            continue
        signature = decoded(block.body["signature"]) or b""
        # Signatures seen in public recordings are protobuf messages that begin with the bytes of field 2.
        if len(signature) != _EMULATED and not signature.startswith(b"\x12"):
            return invalid(block.path, "Invalid `signature` in `thinking` block")
    return None
