"""`understudy batch`: many requests from a file, their answers into another, in the form of OpenAI's Batch API.

`lines` and `source` read what is asked, `journal` keeps what is answered, `pace` and `ceiling` say when the next line
may go, `outcome` writes a line of output, `run` drives them, and `command` is what the user calls.
"""

from __future__ import annotations

from understudy.cli.batch.command import MANUAL, batch

__all__ = ["MANUAL", "batch"]
