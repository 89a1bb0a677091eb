"""The configuration: strict TOML, found or made of what the environment offers.

`load` finds and reads the file; `parse` reads a text; `discover` does without either. All of them give a frozen
`Config` or raise `ConfigError`, which says file, line, the offending text and what to do. See docs/configuration.md.
"""

from understudy.config.discovery import discover
from understudy.config.model import Config, Disabled, Notice, NoticeKind
from understudy.config.places import locate
from understudy.config.reading import load, parse
from understudy.domain.errors import ConfigError

__all__ = ["Config", "ConfigError", "Disabled", "Notice", "NoticeKind", "discover", "load", "locate", "parse"]
