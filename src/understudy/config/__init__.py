"""The configuration: strict TOML, or what the environment offers.

`load` finds and reads the file, `parse` reads a string, `read_mapping` a dictionary, `read_given` a file or a
dictionary, `discover` needs none of them. All
of them return a frozen `Config` or raise `ConfigError`, which states file, line, the offending text and what to do. See
docs/configuration.md.
"""

from understudy.config.discovery import discover, locate
from understudy.config.mapping import read_given, read_mapping
from understudy.config.model import Config, Disabled, Notice, NoticeKind
from understudy.config.reading import load, parse
from understudy.domain.errors import ConfigError

__all__ = [
    "Config",
    "ConfigError",
    "Disabled",
    "Notice",
    "NoticeKind",
    "discover",
    "load",
    "locate",
    "parse",
    "read_given",
    "read_mapping",
]
