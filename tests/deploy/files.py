"""What `deploy/` holds, as tests read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
REPOSITORY = DEPLOY.parent
DRAIN = 25
"""Seconds: the default of `--drain`, which is what all of these files say, too."""
_REFERENCE = re.compile(r"(?<!\$)\$\{([A-Z_]+)\}")


def manifests() -> Iterator[tuple[str, Any]]:
    """Yield the Kubernetes manifests, with the names of their files."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield path.name, document


def manifest(kind: str) -> Any:
    """Return the manifest of a kind."""
    return next(document for _, document in manifests() if document["kind"] == kind)


def compose() -> Any:
    """Return the compose file."""
    return yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))


def references(configuration: str) -> set[str]:
    """Return the names of the environment variables to which a configuration refers."""
    lines = (line for line in configuration.splitlines() if not line.lstrip().startswith("#"))
    return {name for line in lines for name in _REFERENCE.findall(line)}


def variables(text: str) -> Mapping[str, str]:
    """Return the variables of an env file, as Docker and systemd read it."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined, comments dropped."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    lines = kept.replace("\\\n", " ").splitlines()
    return [(words[0], words[1].strip()) for line in lines if len(words := line.split(None, 1)) == 2]
