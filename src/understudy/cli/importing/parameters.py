"""What becomes of the parameters of a deployment: LiteLLM's `litellm_params` and `model_info`."""

from __future__ import annotations

from collections.abc import Mapping

READ = frozenset({
    "model", "api_key", "api_base", "base_url", "api_version", "custom_llm_provider", "weight", "order",
    "azure_ad_token", "organization", "extra_body", "extra_headers", "headers", "timeout", "request_timeout",
    "stream_timeout", "max_tokens", "max_completion_tokens", "temperature", "litellm_credential_name",
})  # fmt: skip
"""Parameters that are read below."""

ALWAYS = frozenset({
    "drop_params", "modify_params", "additional_drop_params", "allowed_openai_params",
    "merge_reasoning_content_in_choices", "use_in_pass_through", "stream",
})  # fmt: skip
"""Parameters that ask for what is always so here."""

OPTIONS = frozenset({
    "top_p", "seed", "stop", "presence_penalty", "frequency_penalty", "reasoning_effort", "verbosity", "user",
    "logit_bias", "response_format", "service_tier", "parallel_tool_calls", "n", "store", "top_k", "thinking",
    "keep_alive", "num_ctx", "num_predict", "repeat_penalty", "mirostat",
})  # fmt: skip
"""Fields of requests."""

LIMITS = (
    "limits per minute became weights where a name has several deployments; to enforce them, write [[llm.limits]] with "
    'per = "provider"'
)
NOT_CARRIED: Mapping[str, str] = {
    "rpm": LIMITS,
    "tpm": LIMITS,
    "max_parallel_requests": 'write [[llm.limits]] with per = "provider" and concurrent',
    "max_retries": "retries are set in [llm.fallback] or per route, not per deployment",
    "num_retries": "retries are set in [llm.fallback] or per route, not per deployment",
    "cooldown_time": "cooldowns follow from the kind of failure: see docs/fallback.md",
    "max_budget": 'write [[llm.budgets]] with per = "provider"',
    "budget_duration": 'write [[llm.budgets]] with per = "provider"',
    "tags": "routing by tags is not built in: make a route for each tag",
    "mock_response": "made-up answers come from the emulators: see docs/emulators.md",
    "region_name": "regions are part of the address: set base_url",
}
NO_OPERATION = frozenset({
    "image_generation", "image_edit", "audio_transcription", "audio_speech", "moderation", "moderations",
    "rerank", "completion", "realtime", "video_generation", "ocr", "search", "vector_store", "batch",
})  # fmt: skip
"""Values of `mode` that are neither chats nor embeddings."""
CAPABILITIES = {
    "supports_function_calling": "tools",
    "supports_vision": "vision",
    "supports_audio_input": "audio_input",
    "supports_pdf_input": "pdf_input",
    "supports_response_schema": "structured_output",
    "supports_assistant_prefill": "prefill",
}
RATES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
}


FIELDS: Mapping[str, frozenset[str]] = {
    "anthropic": frozenset({"top_p", "top_k", "thinking", "service_tier"}),
    "gemini": frozenset(),
    "cohere": frozenset({"seed", "frequency_penalty", "presence_penalty"}),
    "cohere_chat": frozenset({"seed", "frequency_penalty", "presence_penalty"}),
    "ollama": frozenset({"keep_alive"}),
    "ollama_chat": frozenset({"keep_alive"}),
    "replicate": frozenset(),
}
"""The fields that wire formats other than OpenAI's have there under the same name."""
