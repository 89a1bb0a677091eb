"""A report as data, and as Markdown in a folder or as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.report.bars import Bar, bars
from benchmarks.rounds import Rounds, Spread


class Table(NamedTuple):
    """A table: the first column has names."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: bool = False
    """Whether its cells are words, which begin at the left, and not numbers, which end at the right."""

    def markdown(self) -> str:
        """Return it as Markdown."""
        sides = ["---", *["---" if self.words else "---:"] * (len(self.columns) - 1)]
        lines = [_row(self.columns), _row(sides), *map(_row, self.rows)]
        return "\n".join([f"### {self.title}", "", *([self.note, ""] if self.note else []), *lines, ""])

    def text(self) -> str:
        """Return it with columns that are aligned, for a terminal."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = (
            "  ".join(
                cell.ljust(width) if self.words or not at else cell.rjust(width)
                for at, (cell, width) in enumerate(cells)
            ).rstrip()
            for cells in (list(zip(row, widths, strict=True)) for row in (self.columns, *self.rows))
        )
        return "\n".join([self.title, *lines, ""])


class Plot(NamedTuple):
    """A picture, and the file that it is written to."""

    title: str
    file: str
    svg: str

    def markdown(self) -> str:
        """Return what shows it."""
        return f"![{self.title}]({self.file})\n"


class Section(NamedTuple):
    """A part of a report."""

    title: str
    parts: Sequence[Table | Plot | str]
    """Words are Markdown, and are not shown on a terminal."""

    def markdown(self) -> str:
        """Return it as Markdown."""
        parts = (part if isinstance(part, str) else part.markdown() for part in self.parts)
        return "\n".join([f"## {self.title}", "", *(f"{part.rstrip()}\n" for part in parts)])


def write(folder: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write a report and its plots into a folder, and return the path of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in _parts(sections):
        if isinstance(part, Plot):
            (folder / part.file).write_text(part.svg, encoding="utf-8")
    path = folder / "report.md"
    path.write_text("\n".join([f"# {title}", "", *(section.markdown() for section in sections)]), encoding="utf-8")
    return path


def text_of(sections: Sequence[Section]) -> str:
    """Return the tables of a report, for a terminal."""
    return "\n".join(part.text() for part in _parts(sections) if isinstance(part, Table))


def _parts(sections: Sequence[Section]) -> Iterable[Table | Plot | str]:
    return (part for section in sections for part in section.parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def figures_table(title: str, rounds: Rounds, names: Sequence[str], measures: Mapping[str, str], note: str) -> Table:
    """Return medians by name and measure. `measures` are what their columns are called, by name."""
    rows = [[name, *(number(rounds.figure(each, name)) for each in measures)] for name in names]
    return Table(title, ["", *measures.values()], rows, note)


def ratios_table(
    title: str, rounds: Rounds, names: Sequence[str], measures: Mapping[str, str], base: str, note: str
) -> Table:
    """Return ratios to the figures of `base` in the same round: the median, and the least and the most."""
    rows = [[name, *(spread(rounds.ratio(each, name, base)) for each in measures)] for name in names]
    return Table(title, ["", *measures.values()], rows, note)


def missing_table(title: str, missing: Mapping[str, str]) -> Table:
    """Return which of those that are compared have no figures, and why."""
    return Table(title, ["", "reason"], list(missing.items()) or [("none", "")], words=True)


def ratios_plot(title: str, file: str, rounds: Rounds, names: Sequence[str], measure: str, base: str) -> Plot:
    """Return bars of one measure's ratios."""
    found = {name: rounds.ratio(measure, name, base) for name in names}
    return Plot(title, file, bars(title, [Bar(name, each) for name, each in found.items() if each is not None]))


def number(figure: Spread | None) -> str:
    """Return a median with three digits that matter; a dash if nothing was measured."""
    return "–" if figure is None else _digits(figure.middle)


def spread(ratio: Spread | None) -> str:
    """Return a ratio as "2.4 (2.3–2.6)"; a dash if there is none."""
    if ratio is None:
        return "–"
    if ratio.least == ratio.most:
        return _digits(ratio.middle)
    return f"{_digits(ratio.middle)} ({_digits(ratio.least)}–{_digits(ratio.most)})"


def _digits(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
