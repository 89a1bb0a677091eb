"""The task that every agent performs: files are written, read, changed and run. The outcome is written by hand."""

from __future__ import annotations

import msgspec


class Write(msgspec.Struct, frozen=True, tag=True):
    path: str
    content: str


class Read(msgspec.Struct, frozen=True, tag=True):
    path: str


class Edit(msgspec.Struct, frozen=True, tag=True):
    """Whole lines, without the end of the last: patches know no others."""

    path: str
    old: str
    new: str


class Run(msgspec.Struct, frozen=True, tag=True):
    command: str


Step = Write | Read | Edit | Run
Steps = Step | tuple[Step, ...]
"""What one answer calls: one step, or several at once."""

PROMPTS = ("Build the little calculator that we talked about, in this folder.", "Go on with the next part.")
DONE = "Part {} of the calculator is done."

_ADD = "def add(a, b):\n    return a - b\n"
_CHECK = 'from calc import add\n\nassert add(2, 3) == 5, f"got {add(2, 3)}"\nprint("✓ adds")\n'
_NOTES = 'Notes – "quoted", \\ and \'single\'\n\ttabbed\nüñïçødé 🧮 {"json": [1, 2]}\n<tag attr="x">&amp;</tag>\n'

# Without -B, a change within the second in which a file was compiled would not be seen.
_FIRST: tuple[Steps, ...] = (
    Write("calc.py", _ADD),
    Write("check.py", _CHECK),
    Run("python3 -B check.py || echo failed > status.txt"),
    Read("calc.py"),
    Edit("calc.py", "    return a - b", "    return a + b"),
    Run("python3 -B check.py && echo passed > status.txt"),
    Read("status.txt"),
    Write("notes.txt", _NOTES),
    (Read("notes.txt"), Read("check.py")),
    Edit("notes.txt", "\ttabbed", "\ttabbed twice"),
    Run("mkdir -p parts && cp calc.py parts/first.py"),
    Run("wc -l < calc.py | tr -d ' ' > lines.txt"),
)
_SECOND: tuple[Steps, ...] = (
    Read("parts/first.py"),
    Edit("parts/first.py", "def add(a, b):", "def plus(a, b):"),
    Write("parts/second.py", "def times(a, b):\n    return a + b\n"),
    Run("python3 -B -c 'from parts.second import times; assert times(2, 3) == 6' 2> errors.txt || true"),
    Run("grep -c AssertionError errors.txt > count.txt"),
    Read("parts/second.py"),
    Edit("parts/second.py", "    return a + b", "    return a * b"),
    Run("python3 -B -c 'from parts.second import times; print(times(6, 7))' > answer.txt"),
    Read("answer.txt"),
    Run("rm errors.txt count.txt"),
    Write("main.py", "from parts.first import plus\nfrom parts.second import times\n\nprint(plus(1, times(2, 3)))\n"),
    Run("python3 -B main.py > out.txt"),
    Read("out.txt"),
    Edit("main.py", "print(plus(1, times(2, 3)))", "print(plus(times(2, 3), 4))"),
    Run("python3 -B main.py >> out.txt"),
    Write("parts/empty.txt", "nothing yet\n"),
    Edit("parts/empty.txt", "nothing yet", "something yet"),
    (Read("parts/empty.txt"), Read("main.py"), Read("out.txt")),
    Run("ls parts > listing.txt"),
    Run("cat status.txt lines.txt answer.txt > summary.txt"),
)
TASK: tuple[Steps, ...] = (*_FIRST, *_SECOND)
TREE = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "check.py": _CHECK,
    "status.txt": "passed\n",
    "notes.txt": _NOTES.replace("tabbed", "tabbed twice"),
    "lines.txt": "2\n",
    "parts/first.py": "def plus(a, b):\n    return a + b\n",
    "parts/second.py": "def times(a, b):\n    return a * b\n",
    "answer.txt": "42\n",
    "main.py": "from parts.first import plus\nfrom parts.second import times\n\nprint(plus(times(2, 3), 4))\n",
    "out.txt": "7\n10\n",
    "parts/empty.txt": "something yet\n",
    "listing.txt": "empty.txt\nfirst.py\nsecond.py\n",
    "summary.txt": "passed\n2\n42\n",
}

SHORT = _FIRST
"""The steps of a run under a fault."""
SHORT_TREE = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "check.py": _CHECK,
    "status.txt": "passed\n",
    "notes.txt": _NOTES.replace("tabbed", "tabbed twice"),
    "lines.txt": "2\n",
    "parts/first.py": "def add(a, b):\n    return a + b\n",
}
