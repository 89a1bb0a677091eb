"""`usage --budgets`, and commands that meet a budget."""

from __future__ import annotations

from tests.cli.running import CommandLine
from understudy.emulator import Emulator

PRICES = "price = { input = 0, output = 2 }"
BUDGETS = """
[[llm.budgets]]
name = "all"
max = 1
period = "day"

[[llm.budgets]]
name = "sessions"
per = "session"
max = 0.5
period = "total"
"""


def configured(cli: CommandLine, emulator: Emulator, more: str = BUDGETS) -> None:
    cli.configure(
        f'[[llm.providers]]\nprovider = "openai"\napi_key = "{emulator.key}"\nbase_url = "{emulator.url("openai")}"\n'
        f'text_model = "gpt-5-mini"\n{PRICES}\n{more}'
    )


def test_what_is_spent_and_left_is_shown(cli: CommandLine, emulator: Emulator) -> None:
    configured(cli, emulator)
    assert cli.run("ask", "--max-tokens", "100", "hi").code == 0
    result = cli.run("usage", "--budgets", "--json")
    assert result.code == 0, result.err
    (found,) = result.json
    assert (found["budget"], found["subject"], found["max_usd"], found["reserved_usd"]) == ("all", "", "1", "0")
    assert float(found["spent_usd"]) > 0
    assert float(found["spent_usd"]) + float(found["left_usd"]) == 1
    table = cli.run("usage", "--budgets").out
    assert "$1.0000" in table
    assert "00:00 UTC" in table


def test_a_request_beyond_the_budget_is_refused(cli: CommandLine, emulator: Emulator) -> None:
    configured(cli, emulator, '[[llm.budgets]]\nname = "tiny"\nmax = 0.000001\nperiod = "total"\n')
    result = cli.run("ask", "--max-tokens", "100", "hi")
    assert result.code != 0
    assert "the budget tiny is exceeded: of $0.000001" in result.err


def test_without_a_ledger_nothing_is_sent(cli: CommandLine, emulator: Emulator) -> None:
    (cli.folder / "letter").write_text("Dear Sir or Madam, " * 100)
    configured(cli, emulator, f'{BUDGETS}\n[llm.ledger]\npath = "letter"\n')
    result = cli.run("ask", "hi")
    assert result.code == 2
    assert "letter cannot be opened" in result.err
