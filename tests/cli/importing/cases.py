"""Configurations of LiteLLM proxies, after those that people publish, and what each must become: written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Case(NamedTuple):
    text: str
    entries: Mapping[str, Mapping[str, Any]]
    """By name: attributes of the entry that is read from the result."""
    routes: Mapping[str, tuple[str, ...]]
    reports: tuple[tuple[int, str], ...] = ()
    """All differences: line, and words of each."""
    aliases: Mapping[str, str] = {}
    strategies: Mapping[str, str] = {}
    """Of the routes that have another than `priority`."""


CASES: dict[str, Case] = {}

CASES["the quick start of the documentation"] = Case(
    """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://my-endpoint-europe-berri-992.openai.azure.com/
      api_key: "os.environ/AZURE_API_KEY_EU"
      rpm: 6
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-ca
      api_base: https://my-endpoint-canada-berri992.openai.azure.com/
      api_key: "os.environ/AZURE_API_KEY_CA"
      rpm: 6
  - model_name: anthropic-claude
    litellm_params:
      model: anthropic/claude-3-7-sonnet-latest
      api_key: os.environ/ANTHROPIC_API_KEY
  - model_name: vllm-models
    litellm_params:
      model: openai/facebook/opt-125m
      api_base: http://0.0.0.0:4000/v1
      api_key: none
      rpm: 1440
    model_info:
      version: 2

litellm_settings:
  drop_params: True
  success_callback: ["langfuse"]

general_settings:
  master_key: os.environ/MY_MASTER_KEY
  alerting: ["slack"]
""",
    entries={
        "azure": {"provider": "azure-openai", "text_model": "gpt-4o-eu", "weight": 1},
        "azure-2": {"provider": "azure-openai", "text_model": "gpt-4o-ca"},
        "anthropic": {"provider": "anthropic", "text_model": "claude-3-7-sonnet-latest"},
        "0-0-0-0-4000": {"provider": "0-0-0-0-4000", "text_model": "facebook/opt-125m"},
    },
    routes={
        "gpt-4o": ("azure/gpt-4o-eu", "azure-2/gpt-4o-ca"),
        "anthropic-claude": ("anthropic/claude-3-7-sonnet-latest",),
        "vllm-models": ("0-0-0-0-4000/facebook/opt-125m",),
    },
    strategies={"gpt-4o": "weighted"},
    reports=(
        (7, "rpm: limits per minute became weights"),
        (29, "success_callback is not carried over: callbacks are observers"),
        (33, "alerting is not carried over"),
    ),
)

CASES["a local Ollama"] = Case(
    """\
model_list:
  - model_name: "llama3"
    litellm_params:
      model: "ollama_chat/llama3:8b"
      api_base: "http://host.docker.internal:11434"
      keep_alive: "8m"
      num_ctx: 8192
  - model_name: nomic
    litellm_params:
      model: ollama/nomic-embed-text
""",
    entries={
        "ollama_chat": {
            "provider": "ollama",
            "base_url": "http://host.docker.internal:11434",
            "text_model": "llama3:8b",
            "extra": {"keep_alive": "8m"},
        },
        "ollama": {"provider": "ollama", "embedding_model": "nomic-embed-text"},
    },
    routes={"llama3": ("ollama_chat/llama3:8b",), "nomic": ("ollama/nomic-embed-text",)},
    reports=((7, "num_ctx is not carried over: callers set it in each request"),),
)

CASES["one key for several models"] = Case(
    """\
model_list:
- model_name: gpt-4o
  litellm_params: {model: gpt-4o, api_key: os.environ/OPENAI_API_KEY}
- model_name: gpt-4o-mini
  litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}
- model_name: embeddings
  litellm_params: {model: text-embedding-3-small, api_key: os.environ/OPENAI_API_KEY}
""",
    entries={
        "openai": {"provider": "openai", "text_model": "gpt-4o", "embedding_model": "text-embedding-3-small"},
    },
    routes={
        "gpt-4o": ("openai/gpt-4o",),
        "gpt-4o-mini": ("openai/gpt-4o-mini",),
        "embeddings": ("openai/text-embedding-3-small",),
    },
)

CASES["deployments with fallbacks"] = Case(
    """\
model_list:
  - model_name: smart
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/KEY_A, weight: 3}
  - model_name: smart
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/KEY_B, weight: 1}
  - model_name: backup
    litellm_params: {model: anthropic/claude-sonnet-4-5}
  - model_name: last
    litellm_params: {model: groq/openai/gpt-oss-20b}

router_settings:
  num_retries: 2
  timeout: 30
  retry_after: 5
  fallbacks: [{"smart": ["backup"]}, {"backup": ["last"]}]
""",
    entries={
        "openai": {"weight": 3, "timeout": 30, "text_model": "gpt-4o"},
        "openai-2": {"weight": 1, "timeout": 30},
        "anthropic": {"weight": 0, "text_model": "claude-sonnet-4-5"},
        "groq": {"weight": 0, "text_model": "openai/gpt-oss-20b"},
        "anthropic-2": {"weight": 1},
        "groq-2": {"weight": 1},
    },
    routes={
        "smart": (
            "openai/gpt-4o",
            "openai-2/gpt-4o",
            "anthropic/claude-sonnet-4-5",
            "groq/openai/gpt-oss-20b",
        ),
        "backup": ("anthropic-2/claude-sonnet-4-5", "groq-2/openai/gpt-oss-20b"),
        "last": ("groq-2/openai/gpt-oss-20b",),
    },
    strategies={"smart": "weighted"},
)

CASES["wildcards of providers"] = Case(
    """\
model_list:
  - model_name: "openai/*"
    litellm_params:
      model: "openai/*"
      api_key: os.environ/OPENAI_API_KEY
  - model_name: "anthropic/*"
    litellm_params:
      model: "anthropic/*"
      api_key: os.environ/ANTHROPIC_API_KEY
  - model_name: "google/*"
    litellm_params:
      model: "gemini/*"
      api_key: os.environ/GEMINI_API_KEY
  - model_name: "*"
    litellm_params:
      model: "*"
  - model_name: "claude-*"
    litellm_params:
      model: "anthropic/claude-*"
  - model_name: gpt-5
    litellm_params:
      model: openai/gpt-5
""",
    entries={
        "openai": {"provider": "openai"},
        "anthropic": {"provider": "anthropic"},
        "google": {"provider": "google"},
    },
    routes={"gpt-5": ("openai/gpt-5",)},
    reports=(
        (14, "left out: *: the provider of a model is never guessed: callers name models as ENTRY/MODEL"),
        (17, "claude-*: a pattern stands for one target: callers write anthropic/MODEL"),
    ),
)

CASES["names for Claude Code"] = Case(
    """\
model_list:
  - model_name: claude-sonnet-4-5-20250929
    litellm_params:
      model: anthropic/claude-sonnet-4-5-20250929
      api_key: os.environ/ANTHROPIC_API_KEY
  - model_name: "claude-haiku-*"
    litellm_params:
      model: gemini/gemini-2.5-flash
      api_key: os.environ/GEMINI_API_KEY
litellm_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
""",
    entries={"anthropic": {"provider": "anthropic"}, "gemini": {"provider": "google"}},
    routes={
        "claude-sonnet-4-5-20250929": ("anthropic/claude-sonnet-4-5-20250929",),
        "claude-haiku": ("gemini/gemini-2.5-flash",),
    },
    aliases={"claude-haiku-*": "claude-haiku"},
    reports=((11, "master_key counts only in general_settings"),),
)

CASES["servers of one's own"] = Case(
    """\
model_list:
  - model_name: qwen
    litellm_params:
      model: hosted_vllm/Qwen/Qwen3-32B
      api_base: http://vllm:8000/v1
  - model_name: gemma
    litellm_params:
      model: lm_studio/gemma-3
      api_key: lm-studio
  - model_name: phi
    litellm_params:
      model: openai/phi-4
      api_base: os.environ/LOCAL_API_BASE
      api_key: sk-local-0123456789
  - model_name: deployed
    litellm_params:
      model: acme_ai/acme-1
      api_base: https://api.acme.example/v1
      api_key: os.environ/ACME_API_KEY
  - model_name: nowhere
    litellm_params:
      model: openai_like/x
""",
    entries={
        "vllm-8000": {"base_url": "http://vllm:8000/v1", "text_model": "Qwen/Qwen3-32B", "api_key": None},
        "lm-studio": {"text_model": "gemma-3"},
        "local": {"text_model": "phi-4"},
        "acme-ai": {"base_url": "https://api.acme.example/v1", "text_model": "acme-1"},
    },
    routes={
        "qwen": ("vllm-8000/Qwen/Qwen3-32B",),
        "gemma": ("lm-studio/gemma-3",),
        "phi": ("local/phi-4",),
        "deployed": ("acme-ai/acme-1",),
    },
    reports=(
        (14, "the key is written in the file and not copied: set OPENAI_KEY_1 to it"),
        (20, "left out: nowhere: openai_like has no address: set api_base"),
    ),
)

CASES["every provider that is built in"] = Case(
    """\
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-5}}
  - {model_name: b, litellm_params: {model: azure/my-deployment, api_version: 2024-10-21}}
  - {model_name: c, litellm_params: {model: anthropic/claude-haiku-4-5}}
  - {model_name: d, litellm_params: {model: gemini/gemini-2.5-pro}}
  - {model_name: e, litellm_params: {model: groq/llama-3.3-70b-versatile}}
  - {model_name: f, litellm_params: {model: together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo}}
  - {model_name: g, litellm_params: {model: replicate/meta/meta-llama-3-70b-instruct}}
  - {model_name: h, litellm_params: {model: huggingface/together/deepseek-ai/DeepSeek-R1}}
  - {model_name: i, litellm_params: {model: cohere_chat/command-a-03-2025}}
  - {model_name: j, litellm_params: {model: cohere/embed-v4.0}}
  - {model_name: k, litellm_params: {model: ollama/llama3.2}}
  - {model_name: l, litellm_params: {model: command-r-plus}}
  - {model_name: m, litellm_params: {model: claude-opus-4-1}}
""",
    entries={
        "openai": {"provider": "openai", "text_model": "gpt-5"},
        "azure": {"provider": "azure-openai", "text_model": "my-deployment", "api_version": "2024-10-21"},
        "anthropic": {"provider": "anthropic"},
        "gemini": {"provider": "google", "text_model": "gemini-2.5-pro"},
        "groq": {"provider": "groq"},
        "together_ai": {"provider": "together", "text_model": "meta-llama/Llama-3.3-70B-Instruct-Turbo"},
        "replicate": {"provider": "replicate", "text_model": "meta/meta-llama-3-70b-instruct"},
        "huggingface": {"provider": "huggingface", "text_model": "together/deepseek-ai/DeepSeek-R1"},
        "cohere_chat": {"provider": "cohere", "text_model": "command-a-03-2025"},
        "cohere": {"provider": "cohere", "text_model": "command-r-plus", "embedding_model": "embed-v4.0"},
        "ollama": {"provider": "ollama", "text_model": "llama3.2"},
    },
    routes={
        "a": ("openai/gpt-5",),
        "b": ("azure/my-deployment",),
        "c": ("anthropic/claude-haiku-4-5",),
        "d": ("gemini/gemini-2.5-pro",),
        "e": ("groq/llama-3.3-70b-versatile",),
        "f": ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo",),
        "g": ("replicate/meta/meta-llama-3-70b-instruct",),
        "h": ("huggingface/together/deepseek-ai/DeepSeek-R1",),
        "i": ("cohere_chat/command-a-03-2025",),
        "j": ("cohere/embed-v4.0",),
        "k": ("ollama/llama3.2",),
        "l": ("cohere/command-r-plus",),
        "m": ("anthropic/claude-opus-4-1",),
    },
)

CASES["providers that are compatible with OpenAI"] = Case(
    """\
model_list:
  - model_name: deepseek-chat
    litellm_params: {model: deepseek/deepseek-chat, api_key: os.environ/DEEPSEEK_API_KEY}
  - model_name: sonnet
    litellm_params: {model: openrouter/anthropic/claude-sonnet-4.5}
  - model_name: mistral
    litellm_params: {model: mistral/mistral-large-latest}
  - model_name: grok
    litellm_params: {model: xai/grok-4, api_base: https://eu.api.x.ai/v1}
  - model_name: sonar
    litellm_params: {model: perplexity/sonar-pro, api_key: os.environ/PPLX}
""",
    entries={
        "deepseek": {"base_url": "https://api.deepseek.com/v1", "text_model": "deepseek-chat"},
        "openrouter": {"base_url": "https://openrouter.ai/api/v1", "text_model": "anthropic/claude-sonnet-4.5"},
        "mistral-2": {"base_url": "https://api.mistral.ai/v1", "provider": "mistral"},
        "xai": {"base_url": "https://eu.api.x.ai/v1", "text_model": "grok-4"},
        "perplexity": {"base_url": "https://api.perplexity.ai", "text_model": "sonar-pro"},
    },
    routes={
        "deepseek-chat": ("deepseek/deepseek-chat",),
        "sonnet": ("openrouter/anthropic/claude-sonnet-4.5",),
        "mistral": ("mistral-2/mistral-large-latest",),
        "grok": ("xai/grok-4",),
        "sonar": ("perplexity/sonar-pro",),
    },
)

CASES["clouds, and what is no chat"] = Case(
    """\
model_list:
  - model_name: claude
    litellm_params:
      model: bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0
      aws_region_name: us-west-2
  - model_name: gemini-pro
    litellm_params:
      model: vertex_ai/gemini-2.5-pro
      vertex_project: my-project
      vertex_location: us-central1
  - model_name: gemini-flash
    litellm_params:
      model: gemini-2.5-flash
  - model_name: whisper
    litellm_params:
      model: whisper-1
    model_info:
      mode: audio_transcription
  - model_name: rerank
    litellm_params:
      model: cohere/rerank-v3.5
    model_info:
      mode: rerank
  - model_name: strange
    litellm_params:
      model: my-model
  - model_name: newcomer
    litellm_params:
      model: newcomer/x-1
  - model_name: gpt
    litellm_params:
      model: gpt-5
litellm_settings:
  fallbacks:
    - gpt: [claude]
""",
    entries={"openai": {"text_model": "gpt-5"}},
    routes={"gpt": ("openai/gpt-5",)},
    reports=(
        (1, "the fallback claude is not a name in model_list that a route can hold"),
        (2, "left out: claude: requests to Amazon Bedrock are signed"),
        (6, "left out: gemini-pro: requests to Vertex AI are signed"),
        (11, "left out: gemini-flash: requests to Vertex AI are signed"),
        (14, "left out: whisper: audio_transcription is neither for chats nor for embeddings"),
        (19, "left out: rerank: rerank is neither for chats nor for embeddings"),
        (24, "left out: strange: the provider of the model my-model is unknown"),
        (27, "left out: newcomer: newcomer is not built in: if it speaks OpenAI's wire format"),
    ),
)

CASES["prices and windows"] = Case(
    """\
model_list:
  - model_name: cheap
    litellm_params:
      model: openai/gpt-4o-mini
      input_cost_per_token: 0.00000015
      output_cost_per_token: 6e-7
  - model_name: tuned
    litellm_params:
      model: openai/ft:gpt-4o:acme
    model_info:
      input_cost_per_token: 0.00000375
      output_cost_per_token: 0.000015
      cache_read_input_token_cost: 0.000001875
  - model_name: windowed
    litellm_params:
      model: azure/gpt-4o
      api_base: https://acme.openai.azure.com
    model_info:
      base_model: azure/gpt-4o
      max_input_tokens: 128000
      supports_vision: true
      supports_function_calling: false
""",
    entries={
        "openai": {"text_model": "gpt-4o-mini"},
        "azure": {"context_window": 128000, "capabilities": {"tools": False, "vision": True}},
    },
    routes={
        "cheap": ("openai/gpt-4o-mini",),
        "tuned": ("openai/ft:gpt-4o:acme",),
        "windowed": ("azure/gpt-4o",),
    },
    reports=((19, "base_model is not carried over"),),
)

CASES["a list of credentials"] = Case(
    """\
credential_list:
  - credential_name: azure_prod
    credential_values:
      api_key: os.environ/AZURE_PROD_KEY
      api_base: https://prod.openai.azure.com
      api_version: "2024-10-21"
    credential_info:
      description: "production"
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o
      litellm_credential_name: azure_prod
  - model_name: other
    litellm_params:
      model: openai/gpt-4o
      litellm_credential_name: missing
""",
    entries={
        "azure": {"base_url": "https://prod.openai.azure.com", "api_version": "2024-10-21"},
        "openai": {"text_model": "gpt-4o"},
    },
    routes={"gpt-4o": ("azure/gpt-4o",), "other": ("openai/gpt-4o",)},
    reports=((14, "the credential missing is not in credential_list"),),
)

CASES["an order of deployments"] = Case(
    """\
model_list:
  - model_name: gpt
    litellm_params: {model: azure/b, api_base: https://b.openai.azure.com, api_key: os.environ/B, order: 2}
  - model_name: gpt
    litellm_params: {model: azure/a, api_base: https://a.openai.azure.com, api_key: os.environ/A, order: 1}
""",
    entries={"azure": {"text_model": "a"}, "azure-2": {"text_model": "b"}},
    routes={"gpt": ("azure/a", "azure-2/b")},
)

CASES["aliases, a strategy and filters"] = Case(
    """\
model_list:
  - model_name: gpu
    litellm_params: {model: hosted_vllm/llama, api_base: http://gpu-1:8000/v1}
  - model_name: gpu
    litellm_params: {model: hosted_vllm/llama, api_base: http://gpu-2:8000/v1}
  - model_name: safe
    litellm_params: {model: openai/gpt-4o}
router_settings:
  routing_strategy: least-busy
  model_group_alias:
    gpt-4: gpu
    hidden: {model: safe, hidden: true}
    broken: nothing
litellm_settings:
  content_policy_fallbacks: [{"gpu": ["safe"]}]
""",
    entries={
        "gpu-1-8000": {"base_url": "http://gpu-1:8000/v1"},
        "gpu-2-8000": {"base_url": "http://gpu-2:8000/v1"},
        "openai": {"weight": 0},
        "openai-2": {"weight": 1},
    },
    routes={"gpu": ("gpu-1-8000/llama", "gpu-2-8000/llama", "openai/gpt-4o"), "safe": ("openai-2/gpt-4o",)},
    strategies={"gpu": "least_busy"},
    aliases={"gpt-4": "gpu", "hidden": "safe"},
    reports=(
        (2, "gpu: fallbacks for long or filtered prompts are used after other failures too"),
        (10, "the alias broken is left out: nothing is not carried over"),
    ),
)

CASES["anchors of YAML"] = Case(
    """\
defaults: &defaults
  api_key: os.environ/OPENAI_API_KEY
  temperature: 0.2
  max_tokens: 1024
model_list:
  - model_name: one
    litellm_params:
      <<: *defaults
      model: openai/gpt-4o
  - model_name: two
    litellm_params: {<<: *defaults, model: openai/gpt-4o-mini}
""",
    entries={"openai": {"temperature": 0.2, "max_tokens": 1024, "text_model": "gpt-4o"}},
    routes={"one": ("openai/gpt-4o",), "two": ("openai/gpt-4o-mini",)},
    reports=((1, "defaults is not carried over"),),
)

CASES["headers and fields of the body"] = Case(
    """\
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/o4-mini
      organization: org-abc
      reasoning_effort: low
      extra_headers: {"X-Team": "search", "X-Api-Key": "abc"}
      extra_body: {"metadata": {"team": "search"}}
      max_retries: 3
      tags: ["free"]
      unheard_of: 1
      timeout: os.environ/TIMEOUT
""",
    entries={
        "openai": {
            "headers": {"X-Team": "search", "OpenAI-Organization": "org-abc"},
            "extra": {"reasoning_effort": "low", "metadata": {"team": "search"}},
        }
    },
    routes={"gpt": ("openai/o4-mini",)},
    reports=(
        (7, "the header X-Api-Key looks like a key and is not copied: use api_key"),
        (9, "max_retries: retries are set in [llm.fallback] or per route"),
        (10, "tags: routing by tags is not built in"),
        (11, "unheard_of is not carried over"),
        (12, "timeout is not a number and not carried over"),
    ),
)

CASES["keys that are written out"] = Case(
    """\
model_list:
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_key: sk-proj-AAAAAAAAAAAAAAAA}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_key: sk-proj-BBBBBBBBBBBBBBBB}
  - model_name: again
    litellm_params: {model: gpt-4o-mini, api_key: sk-proj-AAAAAAAAAAAAAAAA}
general_settings:
  master_key: sk-1234567890123456
""",
    entries={"openai": {"text_model": "gpt-4o"}, "openai-2": {"text_model": "gpt-4o"}},
    routes={"gpt-4o": ("openai/gpt-4o", "openai-2/gpt-4o"), "again": ("openai/gpt-4o-mini",)},
    strategies={"gpt-4o": "weighted"},
    reports=(
        (3, "set OPENAI_KEY_1 to it"),
        (5, "set OPENAI_KEY_2 to it"),
        (7, "set OPENAI_KEY_1 to it"),
        (9, "master_key is written in the file and not copied: set LITELLM_MASTER_KEY to it"),
    ),
)

CASES["everything around the models"] = Case(
    """\
model_list:
  - model_name: gpt
    litellm_params: {model: gpt-4o}
environment_variables:
  LANGFUSE_PUBLIC_KEY: "pk-abc"
litellm_settings:
  set_verbose: true
  cache: true
  cache_params: {type: redis}
  max_budget: 100
  callbacks: ["otel"]
  request_timeout: 45
general_settings:
  database_url: "postgresql://u:p@host/db"
  store_model_in_db: true
router_settings:
  redis_host: os.environ/REDIS_HOST
  allowed_fails: 3
  cooldown_time: 30
guardrails:
  - guardrail_name: x
""",
    entries={"openai": {"timeout": 45}},
    routes={"gpt": ("openai/gpt-4o",)},
    reports=(
        (5, "set the environment variable LANGFUSE_PUBLIC_KEY yourself"),
        (8, "cache is not carried over: answers are not cached"),
        (9, "cache_params is not carried over: answers are not cached"),
        (11, "callbacks is not carried over"),
        (14, "database_url is not carried over: a PostgreSQL for records and keys is set in [llm.ledger] url"),
        (15, "store_model_in_db is not carried over: models are written in this file"),
        (17, "redis_host is not carried over: limits of several machines are kept in"),
        (18, "allowed_fails is not carried over: cooldowns and circuit breakers"),
        (19, "cooldown_time is not carried over: cooldowns and circuit breakers"),
        (20, "guardrails is not carried over: requests and answers are not examined"),
    ),
)

CASES["names with slashes"] = Case(
    """\
model_list:
  - model_name: openai/gpt-4o
    litellm_params: {model: azure/gpt-4o, api_base: https://acme.openai.azure.com}
  - model_name: meta/llama-3
    litellm_params: {model: groq/llama-3.3-70b-versatile}
router_settings:
  fallbacks: [{"openai/gpt-4o": ["meta/llama-3"]}]
""",
    entries={"azure": {"provider": "azure-openai"}, "groq": {"provider": "groq"}},
    routes={
        "openai-gpt-4o": ("azure/gpt-4o", "groq/llama-3.3-70b-versatile"),
        "meta-llama-3": ("groq/llama-3.3-70b-versatile",),
    },
    aliases={"openai/gpt-4o": "openai-gpt-4o", "meta/llama-3": "meta-llama-3"},
)

CASES["defaults for all names"] = Case(
    """\
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-5}}
  - {model_name: b, litellm_params: {model: anthropic/claude-haiku-4-5}}
  - {model_name: c, litellm_params: {model: gemini/gemini-2.5-flash}}
litellm_settings:
  num_retries: 0
  default_fallbacks: ["c"]
  fallbacks: [{"a": [{"model": "b", "temperature": 0}]}]
""",
    entries={"openai": {}, "anthropic": {}, "gemini": {}},
    routes={
        "a": ("openai/gpt-5", "anthropic/claude-haiku-4-5"),
        "b": ("anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash"),
        "c": ("gemini/gemini-2.5-flash",),
    },
    reports=((8, "fallbacks of a: only the model is carried over, not its own parameters"),),
)

CASES["a token of Azure and a strategy that is not built in"] = Case(
    """\
model_list:
  - model_name: gpt
    litellm_params:
      model: azure/o_series/o3-deployment
      api_base: os.environ/AZURE_API_BASE
      azure_ad_token: os.environ/AZURE_AD_TOKEN
      api_version: 2024-12-01-preview
      region_name: eu
router_settings:
  routing_strategy: usage-based-routing-v2
""",
    entries={"azure": {"text_model": "o3-deployment", "api_version": "2024-12-01-preview"}},
    routes={"gpt": ("azure/o3-deployment",)},
    reports=(
        (8, "region_name: regions are part of the address"),
        (10, "the strategy usage-based-routing-v2 is not built in"),
    ),
)

CASES["names that are those of providers"] = Case(
    """\
model_list:
  - {model_name: openai, litellm_params: {model: openai/gpt-5}}
  - {model_name: deepseek, litellm_params: {model: deepseek/deepseek-reasoner}}
  - {model_name: "anthropic", litellm_params: {model: "anthropic/claude-haiku-4-5"}}
  - {model_name: "anthropic/*", litellm_params: {model: "anthropic/*"}}
""",
    entries={"openai-2": {}, "deepseek-2": {"provider": "deepseek"}, "anthropic-2": {}},
    routes={
        "openai": ("openai-2/gpt-5",),
        "deepseek": ("deepseek-2/deepseek-reasoner",),
        "anthropic": ("anthropic-2/claude-haiku-4-5",),
    },
    reports=((5, "anthropic/*: a pattern stands for one target: callers write anthropic-2/MODEL"),),
)

CASES["addresses and values as people write them"] = Case(
    """\
model_list:
  - model_name: azure
    litellm_params:
      model: azure/gpt-4o
      api_base: "https://acme.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-08-01-preview"
      api_key: os.environ/AZURE
  - model_name: a
    litellm_params: {model: openai/a, api_base: "localhost:8000/v1"}
  - model_name: b
    litellm_params: {model: openai/b, api_base: "https://user:secret-0123456789@b.example/v1"}
  - model_name: c
    litellm_params: {model: openai/c, api_base: "https://ollama.lan/v1/chat/completions", timeout: 0, temperature: 7}
  - model_name: d
    litellm_params: {model: openai/d, max_tokens: -1, input_cost_per_token: -1, weight: -2}
""",
    entries={
        "azure-2": {"provider": "azure-openai", "api_version": "2024-08-01-preview"},
        "ollama-compatible": {"text_model": "c", "timeout": 600},
        "openai": {"text_model": "d", "max_tokens": None, "prices": {}},
    },
    routes={"azure": ("azure-2/gpt-4o",), "c": ("ollama-compatible/c",), "d": ("openai/d",)},
    reports=(
        (7, "left out: a: api_base is not a URL: write http://HOST:PORT"),
        (9, "left out: b: api_base must not contain a user or password"),
        (11, "no key is sent to this address: set api_key of the entry if it needs one"),
        (11, "temperature is not carried over: it must be between 0 and 2"),
        (11, "timeout is not carried over: it must be greater than 0"),
        (13, "max_tokens is not carried over: it must be at least 1"),
        (14, "input_cost_per_token is not a price and not carried over"),
    ),
)

CASES["the same deployment twice"] = Case(
    """\
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-5}}
  - {model_name: gpt, litellm_params: {model: openai/gpt-5}}
  - {model_name: broken}
  - {litellm_params: {model: groq/llama-3.3-70b-versatile}}
""",
    entries={"openai": {}, "groq": {}},
    routes={"gpt": ("openai/gpt-5",), "llama-3.3-70b-versatile": ("groq/llama-3.3-70b-versatile",)},
    strategies={"gpt": "weighted"},
    reports=(
        (2, "gpt: deployments that are the same are written once"),
        (4, "left out: the item has no litellm_params with a model"),
    ),
)
