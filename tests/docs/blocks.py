"""Takes the code out of the documentation: `python tests/docs/blocks.py FOLDER` writes each block as a module."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return the README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str, *more: Path) -> Iterator[tuple[str, str]]:
    """Return every block in a language, of all pages and `more`, with a name that says where it stands."""
    for page in (*pages(), *more):
        text = page.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            if found.group(1) == language:
                line = text.count("\n", 0, found.start()) + 2
                yield f"{page.stem.lower().replace('-', '_')}_{line}", found.group(2)


def main(folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.py"):
        old.unlink()
    for name, code in blocks("python"):
        (target / f"example_{name}.py").write_text(f"# pyright: strict\n{code}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
