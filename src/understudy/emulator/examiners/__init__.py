"""Examiners: the rules of form that the vendors document, as checks of the requests that reach an emulator.

They are written from the vendors' documents and the types of their official clients, never from this project's
encoders, which they judge. Each rule has a source and a date. One module (or one prefix of modules) per wire format;
`find` returns the examiner of a provider and a wire format.
"""

from __future__ import annotations

from understudy.emulator.examiners.base import Complaint, Examiner, Rule, find, wires

__all__ = ["Complaint", "Examiner", "Rule", "find", "wires"]
