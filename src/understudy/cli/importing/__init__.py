"""`understudy import`: another tool's configuration as ours.

`document` reads YAML with its line numbers. `prefixes` says what each provider of LiteLLM is here, `deployments` reads
one item of its list of models, `settings` the rest, `assembly` makes entries, routes and aliases of them, and `writing`
renders the file. What differs or cannot be carried over is a `Difference`, with its line.
"""

from __future__ import annotations

from understudy.cli.importing.command import MANUAL, import_configuration

__all__ = ["MANUAL", "import_configuration"]
