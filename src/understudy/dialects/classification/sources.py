"""Where the rows come from: a page for each vendor, and the day on which it was read."""

from __future__ import annotations

import msgspec


class Source(msgspec.Struct, frozen=True):
    """Where a vendor, a server's source or its users state what an error means."""

    vendor: str
    """A provider's type, or the name of a server."""
    page: str
    as_of: str
    """The day on which it was read."""


_FIRST, _SECOND = "2026-11-22", "2026-11-29"

# The ten providers
OPENAI = Source("openai", "https://developers.openai.com/api/docs/guides/error-codes", _SECOND)
OPENAI_FLEX = Source("openai", "https://developers.openai.com/api/docs/guides/flex-processing", _SECOND)
OPENAI_SDK = Source("openai", "https://pypi.org/project/openai/2.54.0/", _SECOND)
OPENAI_USERS = Source("openai", "https://github.com/openai/openai-python/issues", _FIRST)
ANTHROPIC = Source("anthropic", "https://platform.claude.com/docs/en/api/errors", _SECOND)
ANTHROPIC_SDK = Source("anthropic", "https://pypi.org/project/anthropic/2.12.0/", _SECOND)
ANTHROPIC_USERS = Source("anthropic", "https://github.com/anthropics/claude-code/issues", _FIRST)
GOOGLE = Source("google", "https://ai.google.dev/gemini-api/docs/troubleshooting", _FIRST)
GOOGLE_INTERACTIONS = Source("google", "https://ai.google.dev/gemini-api/docs/api-errors", _SECOND)
GOOGLE_BILLING = Source("google", "https://ai.google.dev/gemini-api/docs/billing", _SECOND)
GOOGLE_LIMITS = Source("google", "https://ai.google.dev/gemini-api/docs/rate-limits", _SECOND)
GOOGLE_RPC = Source("google", "https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto", _FIRST)
GOOGLE_REASONS = Source(
    "google", "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto", _FIRST
)
GOOGLE_FINISH = Source("google", "https://ai.google.dev/api/generate-content#FinishReason", _FIRST)
AZURE = Source("azure-openai", "https://learn.microsoft.com/azure/foundry/openai/how-to/troubleshoot-errors", _SECOND)
AZURE_USERS = Source("azure-openai", "https://github.com/pollinations/pollinations/issues/9707", _SECOND)
AZURE_FILTER = Source(
    "azure-openai", "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter", _FIRST
)
AZURE_ACCESS = Source(
    "azure-openai", "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/role-based-access-control", _FIRST
)
GROQ = Source("groq", "https://console.groq.com/docs/errors", _SECOND)
GROQ_FLEX = Source("groq", "https://console.groq.com/docs/flex-processing", _SECOND)
GROQ_SPEND = Source("groq", "https://console.groq.com/docs/spend-limits", _FIRST)
GROQ_MODELS = Source("groq", "https://console.groq.com/docs/model-permissions", _FIRST)
GROQ_USERS = Source("groq", "https://github.com/groq/groq-python/issues", _FIRST)
TOGETHER = Source("together", "https://docs.together.ai/docs/error-codes", _SECOND)
TOGETHER_LIMITS = Source("together", "https://docs.together.ai/docs/serverless/rate-limits", _SECOND)
TOGETHER_USERS = Source("together", "https://github.com/togethercomputer/together-python/issues", _FIRST)
REPLICATE = Source("replicate", "https://replicate.com/docs/reference/http", _FIRST)
REPLICATE_CODES = Source("replicate", "https://replicate.com/docs/reference/error-codes", _SECOND)
REPLICATE_USERS = Source("replicate", "https://github.com/replicate/replicate-python/issues", _FIRST)
HUGGINGFACE_HUB = Source("huggingface", "https://pypi.org/project/huggingface-hub/1.33.0/", _SECOND)
HUGGINGFACE_USERS = Source("huggingface", "https://github.com/huggingface/huggingface_hub/issues", _FIRST)
COHERE = Source("cohere", "https://docs.cohere.com/reference/errors", _SECOND)
COHERE_CHAT = Source("cohere", "https://docs.cohere.com/v2/reference/chat-stream", _FIRST)
COHERE_LIMITS = Source("cohere", "https://docs.cohere.com/v2/docs/rate-limits", _SECOND)
OLLAMA = Source("ollama", "https://docs.ollama.com/api/errors", _SECOND)
OLLAMA_SERVER = Source("ollama", "https://github.com/ollama/ollama/tree/main/server", _FIRST)
OLLAMA_USERS = Source("ollama", "https://github.com/ollama/ollama/issues", _SECOND)

# Servers and gateways that use their formats
LLAMA_CPP = Source("llama.cpp", "https://github.com/ggml-org/llama.cpp/tree/master/tools/server", _FIRST)
VLLM = Source("vLLM", "https://github.com/vllm-project/vllm/tree/main/vllm/entrypoints", _FIRST)
SGLANG = Source("SGLang", "https://github.com/sgl-project/sglang/tree/main/python/sglang/srt", _FIRST)
TGI = Source(
    "TGI", "https://github.com/huggingface/text-generation-inference/blob/main/router/src/validation.rs", _FIRST
)
LM_STUDIO = Source("LM Studio", "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues", _FIRST)
LITELLM = Source("LiteLLM", "https://github.com/BerriAI/litellm/blob/main/litellm/proxy/_types.py", _FIRST)
OPENROUTER = Source("OpenRouter", "https://openrouter.ai/docs/api-reference/errors", _FIRST)
XAI = Source("xAI", "https://docs.x.ai/docs/key-information/debugging", _FIRST)
MISTRAL = Source("Mistral", "https://docs.mistral.ai/api", _FIRST)
DEEPSEEK = Source("DeepSeek", "https://api-docs.deepseek.com/quick_start/error_codes", _FIRST)
MOONSHOT = Source("Moonshot", "https://platform.moonshot.ai/docs/api/chat", _FIRST)
DASHSCOPE = Source("DashScope", "https://www.alibabacloud.com/help/en/model-studio/error-code", _FIRST)
MINIMAX = Source("MiniMax", "https://platform.minimax.io/docs/api-reference/errorcode", _FIRST)
ZAI = Source("Z.ai", "https://docs.z.ai/api-reference/api-code", _FIRST)
NOVITA = Source("Novita", "https://novita.ai/docs/api-reference/basic-error-code", _SECOND)
BEDROCK = Source("Bedrock", "https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html", _FIRST)
GITHUB = Source("GitHub Models", "https://docs.github.com/en/github-models", _FIRST)
CLOUDFLARE = Source("Cloudflare", "https://developers.cloudflare.com/workers-ai/platform/errors/", _FIRST)

# What HTTP itself says
HTTP = Source("HTTP", "https://www.rfc-editor.org/rfc/rfc9110#section-15", _FIRST)
WEBDAV = Source("HTTP", "https://www.rfc-editor.org/rfc/rfc4918#section-11", _FIRST)
EARLY_DATA = Source("HTTP", "https://www.rfc-editor.org/rfc/rfc8470#section-5.2", _FIRST)
LEGAL = Source("HTTP", "https://www.rfc-editor.org/rfc/rfc7725", _FIRST)
MORE_STATUSES = Source("HTTP", "https://www.rfc-editor.org/rfc/rfc6585", _FIRST)
NGINX = Source("nginx", "https://github.com/nginx/nginx/blob/master/src/http/ngx_http_request.h", _FIRST)
