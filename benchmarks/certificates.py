"""The certificates of a run: the stub proves with one that it is 127.0.0.1, and what is measured checks it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import trustme


class Certificates(NamedTuple):
    """Paths of files in PEM format."""

    authority: Path
    """The certificate of an authority that nobody else has: what is measured trusts it."""
    server: Path
    """The certificate of the stub, for 127.0.0.1 and localhost, with its key."""


def certificates(folder: Path) -> Certificates:
    """Write the certificates of a new authority into a folder."""
    authority, made = trustme.CA(), Certificates(folder / "authority.pem", folder / "certificate.pem")
    authority.cert_pem.write_to_path(made.authority)
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(made.server)
    return made
