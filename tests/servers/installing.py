"""Install the servers, each in a folder of its own beneath the user's cache: `python -m tests.servers.installing`.

A server that cannot be installed here is reported, and its tests are skipped.
"""

from __future__ import annotations

from benchmarks.environments import Environment, user_cache

_CACHE = user_cache("understudy-servers", "UNDERSTUDY_SERVERS_CACHE")

LLAMA_CPP = Environment("llama-cpp", ("xllamacpp==2026.10.11549", "gguf==0.19.0"), _CACHE)
LITELLM = Environment("litellm", ("litellm[proxy]==1.108.7",), _CACHE)
LLMOCK = Environment("llmock", ("llmock==0.2.2",), _CACHE)
AIMOCK = Environment("aimock", ("@copilotkit/aimock@1.43.0",), _CACHE, node=True)
SERVERS = (LLAMA_CPP, LITELLM, LLMOCK, AIMOCK)


if __name__ == "__main__":
    for each in SERVERS:
        print(f"{' '.join(each.packages)} {each.install()}", flush=True)
