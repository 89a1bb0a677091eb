"""`understudy top`: live on a terminal, once elsewhere."""

from __future__ import annotations

import fcntl
import io
import re
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.cli.running import CommandLine
from tests.fleet.made import order, snapshot, tally
from tests.ledger.made import ended, start
from understudy.cli.top_now import picture_of
from understudy.fleet.orders import OrderKind
from understudy.fleet.sqlite import SUFFIX, SqliteFleet
from understudy.fleet.store import History, Member
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.reports.now import now_report
from understudy.telemetry.snapshot import Minute, RequestMinute, StandIn, TargetSnapshot, TargetState

ENTRY = '[[llm.providers]]\nprovider = "ollama"\n[llm.ledger]\npath = "ledger.db"\n'
COUNT = re.compile(r"(\d+|20\+) under way")
FRAME = re.compile(r"\d\d:\d\d:\d\d  ")


@pytest.fixture
def ledger(cli: CommandLine) -> Iterator[SqliteLedger]:
    cli.configure(ENTRY)
    made = SqliteLedger(cli.folder / "ledger.db")
    yield made
    made.close()


@contextmanager
def load(ledger: SqliteLedger) -> Iterator[None]:
    """Write attempts that begin and end, until the block ends."""
    over = threading.Event()

    def write() -> None:
        number = 1_000
        while not over.is_set():
            number += 1
            begun = start(number, started=time.time(), provider=f"entry{number % 3}", labels={"key": "alice"})
            ledger.begin(begun)
            over.wait(0.002)
            ledger.record(ended(begun))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def resize(master: int, columns: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def has_frames(screen: str, *, count: int) -> bool:
    return len(FRAME.findall(screen)) >= count


def test_it_follows_a_ledger_under_load_until_it_is_interrupted(cli: CommandLine, ledger: SqliteLedger) -> None:
    ledger.begin(start(1, started=time.time(), provider="slow", model="m\x1b[31m", labels={"key": "bob"}))
    with load(ledger), cli.terminal("top", "--interval", "0.2", stdin=True) as terminal:
        terminal.read_until(lambda screen: len(FRAME.findall(screen)) >= 3 and "slow/m" in screen)
        for columns in (40, 20, 200):
            resize(terminal.master, columns)
            terminal.read_until(partial(has_frames, count=len(FRAME.findall(terminal.screen)) + 2))
        terminal.interrupt()
        result = terminal.finish()
    assert result.code == 0, result.out
    assert "Traceback" not in result.out
    assert "\x1b[31m" not in result.out, "a name from outside colours nothing"
    assert result.out.rfind("\x1b[?25h") > result.out.rfind("\x1b[?25l") >= 0, "the cursor is shown again"
    assert {"entry0", "entry1", "entry2", "bob"} <= set(re.findall(r"\w+", result.out))
    assert COUNT.search(result.out) is not None


def test_the_cursor_is_shown_again_however_early_it_is_interrupted(cli: CommandLine, ledger: SqliteLedger) -> None:
    ledger.flush()
    with cli.terminal("top", "--interval", "0.2", stdin=True) as terminal:
        terminal.read_until(lambda screen: "nothing was used" in screen)
        terminal.type("\x03")  # Ctrl-C as the terminal sends it
        result = terminal.finish()
    assert result.code == 0
    hidden, shown = result.out.rfind("\x1b[?25l"), result.out.rfind("\x1b[?25h")
    assert shown > hidden >= 0


def test_without_a_terminal_it_prints_once(cli: CommandLine, ledger: SqliteLedger) -> None:
    ledger.begin(start(1, started=time.time(), provider="slow"))
    for number in range(2, 40):
        ledger.begin(start(number, started=time.time(), provider="many", route="r\x1b[2J"))
    ledger.flush()
    result = cli.run("top")
    assert result.code == 0
    assert "20+ under way" in result.out
    assert len(FRAME.findall(result.out)) == 1
    assert "\x1b" not in result.out
    with cli.terminal("top", "--once") as terminal:
        once = terminal.finish()
    assert once.code == 0
    assert len(FRAME.findall(once.out)) == 1


def gateway_in(cli: CommandLine) -> SqliteFleet:
    """Return what a gateway shares that keeps the ledger."""
    return SqliteFleet(cli.folder / f"ledger.db{SUFFIX}")


def test_it_follows_a_gateway_that_runs(cli: CommandLine, ledger: SqliteLedger) -> None:
    ledger.flush()
    now = time.time()
    start, why = int(now // 60 * 60), "server_error: \x1b[31mred\u202e [bold]x[/bold]\nand more"
    down = TargetSnapshot(
        entry="first", model="m\x1b[2J", provider_type="openai", state=TargetState.OPEN, until=now + 60, why=why
    )
    up = TargetSnapshot(entry="second", model="n", provider_type="openai", in_flight=2)
    minute = Minute(start=start, entry="second", model="n", tally=tally(3, 4_000_000, boom=1))
    requests = RequestMinute(start=start, outcomes={"answered": 4})
    stand_in = StandIn(route="code", primary="first/m", acting="second/n")
    with closing(gateway_in(cli)) as store:
        found = snapshot("a", now, targets=(down, up), stand_ins=(stand_in,), under_way=5, requests=(requests,))
        store.put(replace(found, minutes=(minute,)))
        store.put(snapshot("b", now, targets=(down, up), host="h\x1b[2Jost"))
        store.order(order(OrderKind.DRAIN, "third", at=now - 3700))
    result = cli.run("top")
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert re.fullmatch(r"\d\d:\d\d:\d\d ▲ degraded 5 under way", lines[0])
    assert "[bold]x[/bold]" in result.out, "a reason is no markup"
    assert any(re.match(r"first/m down (59|60) s 0 0 0 \$0\.0000$", line) for line in lines), lines
    assert any(re.match(r"second/n 4 3 1 500 ms 500 ms \$0\.0040", line) for line in lines), lines
    assert "second/n stands in for first/m on route code in 1 of 2 processes" in lines
    assert "third: drained by ann 1 h 1 min ago" in lines
    assert lines[-1] == "2 processes on here, host"
    found_json = cli.run("top", "--json").json
    assert (found_json["status"], found_json["under_way"]) == ("degraded", 5)
    assert [each["entry"] for each in found_json["targets"]] == ["first", "second"]
    with cli.terminal("top", "--interval", "0.2", stdin=True) as terminal:
        terminal.read_until(partial(has_frames, count=3))
        terminal.interrupt()
        shown = terminal.finish()
    assert shown.code == 0
    assert "\x1b[31m" not in shown.out.replace("\x1b[31m▲", "")


def test_it_can_be_read_in_a_terminal_of_80_columns() -> None:
    now, why = 1_700_000_030.0, "connect: 127.0.0.1:39109 cannot be reached: Connection refused"
    down = TargetSnapshot(
        entry="openai", model="gpt-5-mini", provider_type="openai", state=TargetState.OPEN, until=now + 60, why=why
    )
    up = TargetSnapshot(entry="second", model="a-long-name-of-a-model", provider_type="openai")
    minute = Minute(start=1_699_999_980, entry="second", model="n", tally=tally(12_345, 4_000_000_000, boom=1_234))
    requests = RequestMinute(start=minute.start, outcomes={"answered": 12_345}, latency=tally(9).latency)
    seen = Member(snapshot=snapshot("a", now, targets=(down, up)), age=0, ended=False)
    report = now_report([seen], History(minutes=(minute,), requests=(requests,)), now)
    screen = Console(file=io.StringIO(), width=80)
    with screen.capture() as captured:
        screen.print(picture_of(report))
    lines = [line.split() for line in captured.get().splitlines()]
    rows = [line for line in lines if line[3:4] == ["100.0%"]]
    assert [row[1] for row in rows] == ["s", "s"], "which row is of which time"
    assert ["openai/gpt-5-mini", "down", "60", "s"] in [line[:4] for line in lines]
    assert any("127.0.0.1:39109 cannot be reached" in " ".join(line) for line in lines), "why is stated once, above"
    assert not any("…" in word for line in lines for word in line)


def test_a_gateway_that_has_ended_is_not_shown(cli: CommandLine, ledger: SqliteLedger) -> None:
    ledger.begin(start(1, started=time.time(), provider="slow"))
    ledger.flush()
    with closing(gateway_in(cli)) as store:
        store.put(snapshot("a", time.time()), ended=True)
    result = cli.run("top")
    assert "1 under way" in result.out
    found = cli.run("top", "--json").json
    assert (found["status"], found["workers"]) == ("off", [])


def test_without_a_ledger_it_says_so(cli: CommandLine) -> None:
    cli.configure(ENTRY)
    result = cli.run("top")
    assert result.code == 2
    assert "there is no ledger" in result.err
    assert not Path(cli.folder / "ledger.db").exists()
