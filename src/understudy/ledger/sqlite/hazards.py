"""What may damage a ledger's file although it works: an old SQLite, or a disk of another machine; and a full disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from understudy.domain.errors import ConfigError
from understudy.ledger.sqlite.reserve import is_given_up
from understudy.ledger.sqlite.reserve import path_of as reserve_of

FIXED = (3, 51, 3)
"""Since then two processes cannot damage a file in WAL mode when they reset its log: https://sqlite.org/wal.html"""
NETWORK = frozenset(
    {"acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.ceph-fuse"}
    | {"fuse.cephfs", "fuse.curlftpfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs"}
    | {"fuse.mount-s3", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs"}
    | {"lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs"}
)
"""File systems, by Linux's names, that several machines may share: the write-ahead log needs memory that all its
processes share (https://www.sqlite.org/wal.html), and their locks often do not work
(https://www.sqlite.org/useovernet.html)."""
_ELSEWHERE = 'set path in [llm.ledger] to a file on a local disk, or url = "postgresql://…" to a database'
SHARED_FOLDERS = frozenset({"9p", "vboxsf", "virtiofs"})
"""Folders of the host in a virtual machine or a container. Only the guest uses most of them, so they may be used."""
_MOUNTS = Path("/proc/self/mounts")


def hazards(path: Path, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> tuple[str, ...]:
    """Return what may damage a file or keep it from being written, each with what to do."""
    found = []
    if version < FIXED:
        found.append(
            f"SQLite {'.'.join(map(str, version))} can, very rarely, damage a file that several processes write "
            f"(https://sqlite.org/wal.html, WAL-reset bug): use {'.'.join(map(str, FIXED))} or newer, or one process"
        )
    kind = _kind(path)
    if kind in NETWORK:
        found.append(f"{path} is on a network file system ({kind}), where SQLite can damage it: {_ELSEWHERE}")
    elif kind in SHARED_FOLDERS:
        found.append(
            f"{path} is in a folder that is shared with the host ({kind}): SQLite can damage it if both use it, so use "
            "it in one of them, or put it on a local disk"
        )
    if is_given_up(reserve_of(path)):
        found.append(
            f"the disk of {path} is full: what a budget or limit concerns is refused until there is room again for "
            f"{reserve_of(path)}; free space on that disk"
        )
    return tuple(found)


def refuse_network(path: Path) -> None:
    """Raise `ConfigError` if a file is on a network file system, as far as Linux tells."""
    if (kind := _kind(path)) in NETWORK:
        raise ConfigError(
            f"the ledger {path} is on a network file system ({kind}), where SQLite can damage it\n  {_ELSEWHERE}\n"
            "  if only this machine uses it, and locks work there, set allow_network_filesystem = true"
        )


def _kind(path: Path) -> str | None:
    return file_system(path.resolve(), _mounts())


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
