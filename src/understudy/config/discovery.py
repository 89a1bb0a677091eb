"""What is used when there is no configuration file: the keys in the environment, and a local Ollama."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.config.credentials import from_environment
from understudy.config.model import Config, Disabled, Notice, NoticeKind
from understudy.domain.errors import ConfigError
from understudy.providers import row as row_of
from understudy.providers import types
from understudy.providers.addresses import address_complaint, address_from_environment
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig, ProviderType

PROBE_TIMEOUT = 0.3
"""Seconds that a local Ollama gets to accept a connection."""


def discover(environ: Mapping[str, str], ollama_answers: bool, *, may_be_empty: bool = False) -> Config:
    """Make a configuration of what is there: every provider whose key is in `environ`, with its default models.

    The order is that of `ProviderType`, but a local Ollama comes last, and only if it answers. Raises `ConfigError`
    saying what to do when nothing is there, unless it `may_be_empty`, and where an address in the environment is wrong.
    """
    rows = [row_of(kind.value) for kind in ProviderType if kind.value in types()]
    remote = [row for row in rows if not row.local]
    found = [row for row in remote if _has_credential(row, environ) and not _lacks_address(row, environ)]
    found += [row for row in rows if row.local and ollama_answers]
    disabled = tuple(broken for row in remote if (broken := _broken(row, environ)))
    if not found and not may_be_empty:
        raise ConfigError(_nothing(remote, disabled, environ))
    return Config(
        providers=tuple(_entry(row, environ, priority) for priority, row in enumerate(found, start=1)),
        notices=(*map(_default, found), *map(_disabled, disabled)),
        disabled=disabled,
    )


def local_address(environ: Mapping[str, str]) -> str:
    """Return where a local Ollama would be. Raises `ConfigError` when its variable holds no address."""
    row = row_of(ProviderType.OLLAMA.value)
    return row.normalize_base_url(_address(row, environ) or row.base_url)


def answers(base_url: str) -> bool:
    """Tell whether something accepts connections at an address, within `PROBE_TIMEOUT`. Blocks that long at most
    once a name is resolved."""
    import socket  # needed only where there is no file
    from urllib.parse import urlsplit

    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=PROBE_TIMEOUT):
            return True
    except (OSError, UnicodeError):
        return False


def _has_credential(row: ProviderRow, environ: Mapping[str, str]) -> bool:
    credential = from_environment(row, environ)
    return bool(credential.key or credential.token)


def _lacks_address(row: ProviderRow, environ: Mapping[str, str]) -> bool:
    return row.base_url_required and address_from_environment(row, environ) is None


def _entry(row: ProviderRow, environ: Mapping[str, str], priority: int) -> ProviderConfig:
    credential = from_environment(row, environ)
    return ProviderConfig(
        provider=row.type,
        name=row.type,
        priority=priority,
        api_key=credential.key,
        token=credential.token,
        base_url=_address(row, environ),
        text_model=row.text_model,
        embedding_model=row.embedding_model,
    )


def _address(row: ProviderRow, environ: Mapping[str, str]) -> str | None:
    found = address_from_environment(row, environ)
    if found is None:
        return None
    name, url = found
    if complaint := address_complaint(url, row):
        raise ConfigError(f'the environment variable {name} {complaint}\n  such as "{row.base_url}"')
    return url


def _default(row: ProviderRow) -> Notice:
    models = " and ".join(model for model in (row.text_model, row.embedding_model) if model)
    if not models:
        return Notice(kind=NoticeKind.DEFAULTED, what=f'"{row.type}" has no default model, so each call must name one')
    return Notice(kind=NoticeKind.DEFAULTED, what=f'"{row.type}" uses {models}, the default as of {row.as_of}')


def _broken(row: ProviderRow, environ: Mapping[str, str]) -> Disabled | None:
    """Return a provider whose variable is set, but to nothing that could be a key."""
    if _has_credential(row, environ) and _lacks_address(row, environ):
        variables = row.base_url_variables
        why = f"{' or '.join(variables)} is not set, and it has no address without"
        return Disabled(name=row.type, provider=row.type, why=why, variables=variables)
    credential = from_environment(row, environ)
    if credential.why is None or not any(environ.get(name, "").strip() for name in credential.variables):
        return None
    return Disabled(name=row.type, provider=row.type, why=credential.why, variables=credential.variables)


def _disabled(entry: Disabled) -> Notice:
    return Notice(kind=NoticeKind.DISABLED, what=f'"{entry.name}" is left out: {entry.why}')


def _nothing(rows: list[ProviderRow], broken: tuple[Disabled, ...], environ: Mapping[str, str]) -> str:
    """Return the error for an empty environment: what was looked for, and three ways on."""
    variables = ", ".join(row.key_variables[0] for row in rows if row.key_variables)
    example = rows[0]
    return "\n".join(
        (
            "there is no configuration file, no provider's key in the environment, "
            f"and no Ollama at {local_address(environ)}",
            *(f"  {entry.why}" for entry in broken),
            f"  set one of {variables},",
            "  or start Ollama,",
            "  or write understudy.toml, by hand or with `understudy init`:",
            "    [[llm.providers]]",
            f'    provider = "{example.type}"',
            f'    api_key = "${{{example.key_variables[0]}}}"',
            f'    text_model = "{example.text_model}"',
        )
    )
