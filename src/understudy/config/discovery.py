"""Finds the configuration: the file, or without one what the environment offers, keys and a local Ollama."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from understudy.config.model import Config, Disabled, Notice, NoticeKind
from understudy.domain.errors import ConfigError
from understudy.providers import ProviderType
from understudy.providers import row as row_of
from understudy.providers.addresses import address_complaint
from understudy.providers.base import ProviderRow
from understudy.providers.environment import address_from_environment, key_from_environment
from understudy.settings import ProviderConfig
from understudy.settings.ledger import LedgerConfig

FILE_NAME = "understudy.toml"
LEDGER_NAME = "ledger.db"
SPOOL_NAME = "spool"
VARIABLE = "UNDERSTUDY_CONFIG"
PROBE_TIMEOUT = 0.3
"""Seconds within which a local Ollama must accept a connection."""


def locate(path: str | Path | None, environ: Mapping[str, str], cwd: Path, home: Path | None) -> Path | None:
    """Return the configuration file, or `None` if there is none.

    The first of these counts: `path` (the `--config` option), the variable `UNDERSTUDY_CONFIG`, `understudy.toml` in
    `cwd`, `understudy/understudy.toml` in the user's configuration folder. Raise `ConfigError` if one of the first two
    names a file that does not exist: what was asked for is never replaced by something else.
    """
    if path is not None:
        return _asked_for(cwd / _in_home(path, home))
    if named := environ.get(VARIABLE):
        return _asked_for(cwd / _in_home(named, home), VARIABLE)
    folder = user_folder(environ, home)
    places = [cwd / FILE_NAME, *([folder / FILE_NAME] if folder else [])]
    return next(filter(_is_file, places), None)


def user_folder(environ: Mapping[str, str], home: Path | None, platform: str = sys.platform) -> Path | None:
    """Return understudy's folder in the user's configuration; `None` without a home folder."""
    match platform:
        case "win32":
            if data := environ.get("APPDATA"):
                return Path(data, "understudy")
            return home / "AppData" / "Roaming" / "understudy" if home else None
        case "darwin":
            return home / "Library" / "Application Support" / "understudy" if home else None
        case _:
            # Relative paths are to be ignored: https://specifications.freedesktop.org/basedir-spec/latest/
            if (folder := environ.get("XDG_CONFIG_HOME")) and Path(folder).is_absolute():
                return Path(folder, "understudy")
            return home / ".config" / "understudy" if home else None


def data_folder(environ: Mapping[str, str], home: Path | None, platform: str = sys.platform) -> Path | None:
    """Return the folder of the user's data; `None` where there is no home folder."""
    match platform:
        case "win32":
            if data := environ.get("LOCALAPPDATA"):
                return Path(data, "understudy")
            return home / "AppData" / "Local" / "understudy" if home else None
        case "darwin":
            return home / "Library" / "Application Support" / "understudy" if home else None
        case _:
            # The XDG Base Directory Specification: relative paths are invalid and to be ignored.
            if (folder := environ.get("XDG_DATA_HOME")) and Path(folder).is_absolute():
                return Path(folder, "understudy")
            return home / ".local" / "share" / "understudy" if home else None


def home_folder() -> Path | None:
    """Return the home folder: a process may have neither `$HOME` nor an entry in the user database."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def ledger_path(settings: LedgerConfig, environ: Mapping[str, str], home: Path | None) -> Path | None:
    """Return the file of the ledger; `None` if it is switched off, in a database, or if there is no folder for it."""
    if not settings.enabled or settings.url is not None:
        return None
    if settings.path is not None:
        return _in_home(settings.path, home)
    folder = data_folder(environ, home)
    return folder / LEDGER_NAME if folder is not None else None


def spool_folder(settings: LedgerConfig, environ: Mapping[str, str], home: Path | None) -> Path | None:
    """Return the folder in which entries wait while the database is away; `None` if it cannot be determined."""
    if settings.spool is not None:
        return _in_home(settings.spool, home)
    folder = data_folder(environ, home)
    return folder / SPOOL_NAME if folder is not None else None


def discover(environ: Mapping[str, str], ollama_answers: bool, *, may_be_empty: bool = False) -> Config:
    """Make a configuration of every provider whose key is in `environ`, with its default models.

    The order is that of `ProviderType`, but a local Ollama comes last, and only if it answers. Raise `ConfigError` with
    instructions if nothing is found, unless it `may_be_empty`, and if an address in the environment is invalid.
    """
    rows = [row_of(kind.value) for kind in ProviderType]
    remote = [row for row in rows if not row.local]
    found = [row for row in remote if _has_key(row, environ) and not _lacks_address(row, environ)]
    found += [row for row in rows if row.local and ollama_answers]
    disabled = tuple(broken for row in remote if (broken := _broken(row, environ)))
    if not found and not may_be_empty:
        raise ConfigError(_nothing(remote, disabled, environ))
    return Config(
        providers=tuple(_entry(row, environ, priority) for priority, row in enumerate(found, start=1)),
        notices=(
            *map(_default, found),
            *(Notice(kind=NoticeKind.DISABLED, what=f'"{each.name}" is left out: {each.why}') for each in disabled),
        ),
        disabled=disabled,
    )


def local_address(environ: Mapping[str, str]) -> str:
    """Return the address of a local Ollama. Raise `ConfigError` if its variable does not hold a valid one."""
    row = row_of(ProviderType.OLLAMA.value)
    return row.normalize_base_url(_address(row, environ) or row.base_url)


def answers(base_url: str) -> bool:
    """Check whether something accepts connections at an address. Block for at most `PROBE_TIMEOUT` seconds, once the
    name is resolved."""
    import socket  # needed only without a file
    from urllib.parse import urlsplit

    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=PROBE_TIMEOUT):
            return True
    except (OSError, UnicodeError):
        return False


def _in_home(path: str | Path, home: Path | None) -> Path:
    parts = Path(path).parts
    return home.joinpath(*parts[1:]) if home and parts[:1] == ("~",) else Path(path)


def _asked_for(path: Path, variable: str | None = None) -> Path:
    source = f" (from {variable})" if variable else ""
    if path.is_dir():
        raise ConfigError(f"{path}{source} is a folder\n  did you mean {path / FILE_NAME}?")
    if not path.exists():
        help_ = f"correct the path, or remove {variable}" if variable else "correct the path"
        raise ConfigError(f"there is no configuration file {path}{source}\n  {help_}")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that cannot be read
        return False


def _has_key(row: ProviderRow, environ: Mapping[str, str]) -> bool:
    found = key_from_environment(row, environ)
    return bool(found.key or found.token)


def _lacks_address(row: ProviderRow, environ: Mapping[str, str]) -> bool:
    return row.base_url_required and address_from_environment(row, environ) is None


def _entry(row: ProviderRow, environ: Mapping[str, str], priority: int) -> ProviderConfig:
    found = key_from_environment(row, environ)
    return ProviderConfig(
        provider=row.type,
        name=row.type,
        priority=priority,
        api_key=found.key,
        token=found.token,
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
        raise ConfigError(f'the environment variable {name} {complaint}\n  for example: "{row.base_url}"')
    return url


def _default(row: ProviderRow) -> Notice:
    models = " and ".join(model for model in (row.text_model, row.embedding_model) if model)
    if not models:
        return Notice(kind=NoticeKind.DEFAULTED, what=f'"{row.type}" has no default model, so each call must name one')
    return Notice(kind=NoticeKind.DEFAULTED, what=f'"{row.type}" uses {models}, the default as of {row.as_of}')


def _broken(row: ProviderRow, environ: Mapping[str, str]) -> Disabled | None:
    """Return a provider whose variables are set but not sufficient: an unusable key, or a key without an address."""
    if _has_key(row, environ) and _lacks_address(row, environ):
        variables = row.base_url_variables
        why = f"{' or '.join(variables)} is not set, and there is no default address"
        return Disabled(name=row.type, provider=row.type, why=why, variables=variables)
    found = key_from_environment(row, environ)
    if found.why is None or not any(environ.get(name, "").strip() for name in found.variables):
        return None
    return Disabled(name=row.type, provider=row.type, why=found.why, variables=found.variables)


def _nothing(rows: list[ProviderRow], broken: tuple[Disabled, ...], environ: Mapping[str, str]) -> str:
    """Return the error for an empty environment: what was looked for, and the three things that would help."""
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
