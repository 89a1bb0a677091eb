"""The pepper of virtual keys in a file beside the ledger, which its owner alone may read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from understudy.domain.misuse import ConfigError
from understudy.domain.secret import Secret

_LONGEST = 4096


def pepper_file(ledger: Path) -> Path:
    """Return the file of the pepper that belongs to a ledger."""
    return ledger.with_name(f"{ledger.name}.pepper")


def read_pepper(path: Path) -> Secret | None:
    """Return the pepper; `None` if there is no file. Raise `ConfigError` if others may read the file, or if it is empty
    or cannot be read."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            found = file.read(_LONGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _cannot(path, error) from error
    if mode & 0o077 and os.name == "posix":
        raise ConfigError(
            f"the pepper {path} may be read by others: its mode is {mode:03o}\n"
            f"  run: chmod 600 {path}\n"
            "  if others may have read it, remove the file, and make new keys: the old ones are invalid then"
        )
    if not found.strip():
        raise ConfigError(f"the pepper {path} is empty\n  restore it, or remove the file and make new keys")
    return Secret(found.decode("latin-1").strip())


def made_pepper(path: Path) -> Secret:
    """Return the pepper, which is made now if it is missing. Raise `ConfigError` if that fails."""
    if (found := read_pepper(path)) is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, secrets.token_hex(32))
    except OSError as error:
        raise _cannot(path, error) from error
    found = read_pepper(path)  # perhaps another process was faster
    if found is None:
        raise ConfigError(f"the pepper {path} was removed while it was made")
    return found


def _write(path: Path, pepper: str) -> None:
    """Write the file whole, or not at all, unless there is one."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{pepper}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def _cannot(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"the pepper {path} cannot be used: {error.strerror or error}")
