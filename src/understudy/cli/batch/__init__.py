"""`understudy batch`: answers a file of requests into another, in the format of OpenAI's Batch API.

`lines` and `source` read the input, `asking` sends a line, `outcome` makes a line of output of its answer, `journal`
writes it, and `run` runs them under the limits of `policy.pace` and `policy.spending`; `command` is the entry point.
"""

from __future__ import annotations

from understudy.cli.batch.command import MANUAL, batch

__all__ = ["MANUAL", "batch"]
