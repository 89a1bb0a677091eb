"""The gateways of other projects, as their documents recommend them for production.

None of their settings is there to slow one down. What they would do beyond a proxy's work only with a database, such as
keeping records of spending, is off; what they do by themselves, such as an access log, is as it comes.
"""

from __future__ import annotations

from benchmarks.answers import MODEL
from benchmarks.environments import Environment, user_cache
from benchmarks.gateways.launching import Gateway, Launch, Place

CACHE = user_cache("understudy-bench", "UNDERSTUDY_BENCH_CACHE")
_KEY = "sk-bench-0123456789abcdef"

_LITELLM = Environment(
    "litellm-proxy",
    (
        "litellm[proxy]==1.106.2",
        "httptools==0.9.0",
        "opentelemetry-api==1.45.2",
        "opentelemetry-sdk==1.45.2",
        "prisma==0.15.0",
    ),
    CACHE,
)
_LITELLM_CONFIG = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {origin}/v1
      api_key: upstream-key
litellm_settings:
  set_verbose: false
  json_logs: true
  request_timeout: 600
"""


def _litellm(place: Place) -> Launch:
    options = ["--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1"]
    return Launch(
        [_LITELLM.program("bin", "litellm"), "--config", place.path("config.yaml"), *options],
        {"config.yaml": _LITELLM_CONFIG.format(model=MODEL, origin=place.origin)},
        {
            "LITELLM_MASTER_KEY": _KEY,
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            **place.trusted("SSL_CERT_FILE"),
        },
        {"authorization": f"Bearer {_KEY}"},
    )


_PORTKEY = Environment(
    "portkey",
    ("@portkey-ai/gateway@1.15.2",),
    CACHE,
    node=True,
    overrides={"@hono/node-server": "1.13.5", "hono": "4.9.7"},
)


def _portkey(place: Place) -> Launch:
    script = _PORTKEY.program("node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
    return Launch(
        ["node", script, f"--port={place.port}", "--headless"],
        environment={"NODE_ENV": "production", **place.trusted("NODE_EXTRA_CA_CERTS")},
        headers={
            "authorization": "Bearer upstream-key",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{place.origin}/v1",
        },
    )


_ROLTER = Environment("rolter", ("rolter==0.1.0",), CACHE)
_ROLTER_CONFIG = """
[server]
host = "127.0.0.1"
port = {port}

[[providers]]
name = "openai"
kind = "openai_compatible"
api_base = "{origin}"
api_key_env = "OPENAI_API_KEY"
{trust}
[[routes]]
model = "{model}"
strategy = "round_robin"
[[routes.targets]]
provider = "openai"
model = "{model}"

[[virtual_keys]]
key = "{key}"
name = "bench"
models = []
"""


def _rolter(place: Place) -> Launch:
    trust = f'ca_bundles = ["{place.authority}"]\n' if place.authority else ""
    config = _ROLTER_CONFIG.format(port=place.port, origin=place.origin, trust=trust, model=MODEL, key=_KEY)
    return Launch(
        [_ROLTER.program("bin", "rolter"), "gateway", "--config", place.path("rolter.toml")],
        {"rolter.toml": config},
        {
            "RUST_LOG": "warn",
            "OPENAI_API_KEY": "upstream-key",
            "ROLTER_KEY_PEPPER": "bench",
            "ROLTER_TELEMETRY_ENABLED": "false",
        },
        {"authorization": f"Bearer {_KEY}"},
    )


_FERROGW = Environment("ferrogw", ("ferrogw==1.5.10",), CACHE)
_FERROGW_KEY = "fgw_bench0123456789abcdef"
_FERROGW_CONFIG = """
apiVersion: v1
strategy:
  mode: fallback
targets:
  - virtual_key: openai
    models: [{model}]
"""


def _ferrogw(place: Place) -> Launch:
    return Launch(
        [_FERROGW.program("bin", "ferrogw")],
        {"config.yaml": _FERROGW_CONFIG.format(model=MODEL)},
        {
            "GATEWAY_ENV": "production",
            "GATEWAY_CONFIG": place.path("config.yaml"),
            "PORT": str(place.port),
            "MASTER_KEY": _FERROGW_KEY,
            "OPENAI_API_KEY": "upstream-key",
            "OPENAI_BASE_URL": f"{place.origin}/v1",
            "RATE_LIMIT_RPS": "0",
            "FERRO_MODEL_CATALOG_TIMEOUT": "0",
            **place.trusted("SSL_CERT_FILE"),
        },
        {"authorization": f"Bearer {_FERROGW_KEY}"},
    )


PEERS = (
    Gateway(
        "LiteLLM",
        _litellm,
        "Python on uvicorn, httptools and uvloop. A master key, one worker, no database; logs errors only.",
        _LITELLM,
        (
            "https://docs.litellm.ai/docs/proxy/prod",
            "https://docs.litellm.ai/docs/proxy/server_tuning",
            "https://docs.litellm.ai/docs/guides/security_settings",
        ),
    ),
    Gateway(
        "Portkey",
        _portkey,
        "TypeScript on Node. Has no keys of its own: each request names the provider. With the versions of hono in its "
        "own lock file, because with the newest @hono/node-server it fails at every stream.",
        _PORTKEY,
        (
            "https://github.com/Portkey-AI/gateway/blob/main/docs/installation-deployments.md",
            "https://github.com/Portkey-AI/gateway/issues/1389",
            "https://nodejs.org/api/cli.html#node_extra_ca_certsfile",
        ),
    ),
    Gateway(
        "rolter",
        _rolter,
        "Rust, from a wheel. A virtual key; logs warnings only; its records need ClickHouse, and are off.",
        _ROLTER,
        (
            "https://github.com/rolter-ai/rolter/blob/master/user-docs/deployment/production.mdx",
            "https://github.com/rolter-ai/rolter/blob/master/crates/rolter-core/src/config.rs",
        ),
    ),
    Gateway(
        "ferrogw",
        _ferrogw,
        "Go, from a wheel. The master key; the access log that it writes by itself; its limit of 20 requests a second "
        "for each address is off; its store of request logs is not configured.",
        _FERROGW,
        (
            "https://github.com/ferro-labs/ai-gateway#configuration",
            "https://github.com/ferro-labs/ai-gateway/blob/main/AGENTS.md",
            "https://pkg.go.dev/crypto/x509#SystemCertPool",
        ),
    ),
)
"""In the order of the report."""
