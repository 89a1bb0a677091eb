"""What may damage a ledger's file although it works: an old SQLite, or a disk of another machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

FIXED = (3, 51, 3)
"""Since then two processes cannot damage a file in WAL mode when they reset its log: https://sqlite.org/wal.html"""
NETWORK = frozenset(
    {"9p", "afs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
"""File systems, by Linux's names, that several machines may share: the write-ahead log needs memory that all its
processes share."""
_MOUNTS = Path("/proc/self/mounts")


def hazards(path: Path, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> tuple[str, ...]:
    """Return what may damage a file, each with what to do."""
    found = []
    if version < FIXED:
        found.append(
            f"SQLite {'.'.join(map(str, version))} can, very rarely, damage a file that several processes write "
            f"(https://sqlite.org/wal.html, WAL-reset bug): use {'.'.join(map(str, FIXED))} or newer, or one process"
        )
    if (kind := file_system(path.absolute(), _mounts())) in NETWORK:
        found.append(
            f"{path} is on a network file system ({kind}), where SQLite can damage it: put it on a local disk, or "
            'write url = "postgresql://…" in [llm.ledger]'
        )
    return tuple(found)


def file_system(path: Path, mounts: Iterable[str]) -> str | None:
    """Return the kind of file system that a path is on, by the lines of Linux's table of mounts."""
    found: tuple[int, str | None] = (-1, None)
    for line in mounts:
        _, folder, kind, *_ = (*line.split(" "), "", "", "")
        folder = folder.replace("\\040", " ")
        if path.is_relative_to(folder or "?") and len(folder) >= found[0]:
            found = (len(folder), kind)
    return found[1]


def _mounts() -> list[str]:
    try:
        return _MOUNTS.read_text().splitlines()
    except OSError:  # not Linux
        return []
