"""Install the back ends, each in a folder of its own beneath the user's cache:
`python -m tests.telemetry.backends.installing`.

One that cannot be installed here is reported, and its tests are skipped.
"""

from __future__ import annotations

from benchmarks.environments import Environment, user_cache

_CACHE = user_cache("understudy-backends", "UNDERSTUDY_BACKENDS_CACHE")

MLFLOW = Environment("mlflow", ("mlflow==3.17.2",), _CACHE)
PHOENIX = Environment("phoenix", ("arize-phoenix==20.26.1",), _CACHE)
LANGFUSE = Environment(
    "langfuse", ("esbuild@0.28.2", "zod@4.3.6", "protobufjs@8.8.1", "lodash@4.18.1"), _CACHE, node=True
)
"""Bundles and runs the part of Langfuse's source that reads spans. The source comes from a checkout of your own."""
BACKENDS = (MLFLOW, PHOENIX, LANGFUSE)


if __name__ == "__main__":
    for each in BACKENDS:
        print(f"{' '.join(each.packages)} {each.install()}", flush=True)
