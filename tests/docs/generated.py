"""Draws the generated parts of the documentation from the code: `python tests/docs/generated.py` rewrites them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import typer.main

from tests.docs import failures, reference
from tests.docs.gateway_limits import limits
from understudy import providers
from understudy.cli.agents.connection import Connection
from understudy.cli.agents.rows import AGENTS
from understudy.cli.app import COMMANDS, app, module_of
from understudy.cli.chat.commands import COMMANDS as CHAT_COMMANDS
from understudy.cli.exits import MEANINGS, ExitCode
from understudy.cli.manual import COMMON, Manual
from understudy.config.schema import (
    ERROR_RULE,
    FAMILY,
    GATEWAY,
    GATEWAY_KEY,
    LEDGER,
    LEGACY,
    PRICE,
    PROVIDER,
    ROUTE,
    TIER,
    TYPE,
)
from understudy.config.schema import FALLBACK as FALLBACK_KEYS
from understudy.console.api import TABLE as ADMIN_API
from understudy.dialects.efforts import BUDGETS
from understudy.domain.errors import ERRORS
from understudy.domain.operation import Operation
from understudy.domain.rules import Rule
from understudy.domain.secret import Secret
from understudy.gateway import replies
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.manners import MANNERS
from understudy.gateway.openapi import TITLES
from understudy.gateway.routes import AZURE, ROUTES
from understudy.policy.tasks import DEFAULT_TASK, RULES
from understudy.policy.verdicts import VERDICTS, Cooldown, Fallback, Retry, Trips
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow, quirks_of
from understudy.settings.alerts import ALERTS, WEBHOOK
from understudy.settings.budgets import BUDGET, LIMIT
from understudy.settings.console import CONSOLE, CONSOLE_KEY
from understudy.settings.telemetry import TELEMETRY
from understudy.settings.tracing import TRACING
from understudy.simulator import SCENARIOS
from understudy.simulator.assertions import FIGURES
from understudy.simulator.schema import DISTRIBUTIONS, INCIDENT, SCENARIO, TARGET, TRAFFIC
from understudy.telemetry.prometheus.metrics import METRICS
from understudy.telemetry.tracing.names import ATTRIBUTES, BACKENDS

DOCS = Path(__file__).parents[2] / "docs"

RETRY = {
    Retry.NEVER: "no",
    Retry.AT_ONCE: "once immediately, then yes",
    Retry.FIRST: "yes",
    Retry.LAST: "only if no other target is left",
}
FALLBACK = {
    Fallback.ALWAYS: "yes",
    Fallback.NEVER: "no",
    Fallback.ON_FILTER: "only with `fallback_on_filter`",
    Fallback.LARGER_WINDOW: "to a larger context window",
    Fallback.IF_TRANSLATED: "only if the request had to be altered",
}
ASIDE = {
    Cooldown.NOTHING: "–",
    Cooldown.TARGET: "the target, for a while",
    Cooldown.MODEL: "the model, disabled",
    Cooldown.CREDENTIAL: "the key, disabled",
    Cooldown.ENDPOINT: "the host, disabled",
}
BREAKER = {Trips.NOTHING: "–", Trips.TARGET: "the target's", Trips.ENDPOINT: "the host's"}


def verdict_table() -> str:
    """Return the table of verdicts as Markdown."""
    rows = [
        "| failure | retried | next target | cooldown | breaker | cost basis | error |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, verdict in VERDICTS.items():
        tries = RETRY[verdict.retry]
        if verdict.retry is not Retry.NEVER:
            most = "`max_retries`" if verdict.retries is None else verdict.retries + 1
            tries = f"{tries}; at most {most} attempts"
        basis = verdict.basis.replace("_", " ")
        error = ERRORS[kind].__name__
        aside, breaker = ASIDE[verdict.cooldown], BREAKER[verdict.trips]
        rows.append(
            f"| `{kind}` | {tries} | {FALLBACK[verdict.fallback]} | {aside} | {breaker} | {basis} | `{error}` |"
        )
    return "\n".join(rows)


def exit_codes() -> str:
    """Return the table of the command line's exit codes as Markdown."""
    rows = [f"| {code.value} | {MEANINGS[code]} |" for code in ExitCode]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def options_of(command: str) -> str:
    """Return the table of a command's own arguments and options as Markdown."""
    group: Any = typer.main.get_command(app)
    return _options(each for each in group.get_command(None, command).params if each.name not in COMMON)


def common_options() -> str:
    """Return the table of the options that every command has as Markdown."""
    return _options(each for each in typer.main.get_command(app).params if each.name in COMMON)


def _options(parameters: Iterable[Any]) -> str:
    rows = ["| option | what |", "| --- | --- |"]
    for parameter in parameters:
        is_argument = parameter.param_type_name == "argument"
        names = [parameter.metavar] if is_argument else [*parameter.opts, *parameter.secondary_opts]
        value = "" if is_argument or not parameter.metavar else f" {parameter.metavar}"
        shown = ", ".join(f"`{name}`" for name in names[:-1]) + (", " if names[:-1] else "") + f"`{names[-1]}{value}`"
        rows.append(f"| {shown.replace('|', chr(92) + '|')} | {parameter.help} |")
    return "\n".join(rows) if len(rows) > 2 else "It has no options of its own."


def examples_of(command: str) -> str:
    """Return the examples of a command's help as a session at a shell."""
    manual: Manual = import_module(module_of(command)).MANUAL
    lines = ["```console"]
    for example in manual.examples:
        first, *rest = example.line.splitlines()
        lines += [f"# {example.what}:", f"$ {first}"]
        lines += [f"$ {line}" if line.startswith("understudy ") else f"> {line}" for line in rest]
    return "\n".join([*lines, "```"])


def chat_commands() -> str:
    """Return the table of the commands within a chat as Markdown."""
    rows = ["| command | what |", "| --- | --- |"]
    for name, command in CHAT_COMMANDS.items():
        usage = f"/{name} {command.usage}".rstrip().replace("|", chr(92) + "|")
        rows.append(f"| `{usage}` | {command.help} |")
    return "\n".join(rows)


OPERATIONS = {
    Operation.CHAT: "chat",
    Operation.EMBED: "embeddings",
    Operation.MODELS: "model list",
    Operation.COUNT_TOKENS: "token count",
}


def _rows() -> list[ProviderRow]:
    return [providers.row(name) for name in providers.types()]


def _table(*lines: tuple[str, ...]) -> str:
    """Return a Markdown table; the first line is its head."""
    head, *body = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, f"| {' | '.join('---' for _ in lines[0])} |", *body])


def _code(*words: str | None) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def provider_operations() -> str:
    """Return the matrix of providers and operations as Markdown."""
    lines = [("provider", "entry", *OPERATIONS.values())]
    for row in _rows():
        cells = {operation: _code(row.dialects.get(operation)) for operation in OPERATIONS}
        if any(family.quirks.get("responses", "never") != "never" for family in row.families):
            cells[Operation.CHAT] += ", `responses`"
        lines.append((f"[{row.title}](#{row.title.lower().replace(' ', '-')})", _code(row.type), *cells.values()))
    return _table(*lines)


def provider_instead() -> str:
    """Return what to use for missing operations as a Markdown list."""
    return "\n".join(
        f"- {row.title}, {OPERATIONS[operation]}: {hint}" for row in _rows() for operation, hint in row.instead.items()
    )


def provider_access() -> str:
    """Return the table of keys, addresses and headers as Markdown."""
    lines = [("provider", "other names", "key", "address", "variable of the address", "the key is sent as")]
    for row in _rows():
        key = _code(*row.key_variables, *getattr(row, "token_variables", ()))
        key = key if row.key_required else f"optional: {key}"
        address = (
            f"yours, such as `{row.base_url}`" if getattr(row, "base_url_required", False) else _code(row.base_url)
        )
        header = _code(f"{row.auth.header}: {row.auth.prefix}…")
        if row.token_auth is not None:
            header += f"; a token as {_code(f'{row.token_auth.header}: {row.token_auth.prefix}…')}"
        lines.append(
            (
                _code(row.type),
                _code(*ProviderType(row.type).aliases),
                key,
                address,
                _code(*row.base_url_variables),
                header,
            )
        )
    return _table(*lines)


def provider_models() -> str:
    """Return the table of default models as Markdown."""
    lines = [("provider", "text", "embeddings, to be configured", "as of")]
    for row in _rows():
        lines.append((_code(row.type), _code(row.text_model), _code(row.embedding_model), row.as_of or ""))
    return _table(*lines)


def embedding_batches() -> str:
    """Return the table of what one request for embeddings may hold as Markdown."""
    lines = [("provider", "texts in one request", "tokens in one request")]
    for row in map(providers.row, providers.types()):
        if Operation.EMBED in row.dialects:
            quirks = quirks_of(row, None)
            few = [(each.pattern, each.quirks["embed_batch"]) for each in row.families if "embed_batch" in each.quirks]
            texts = "".join(f"; of {_code(pattern)} {count}" for pattern, count in few)
            lines.append((row.title, f"{quirks.embed_batch or '–'}{texts}", str(quirks.embed_batch_tokens or "–")))
    return _table(*lines)


def keys(rules: Mapping[str, Rule]) -> str:
    """Return the table of a configuration table's keys as Markdown."""
    lines = [("key", "type", "default", "meaning")]
    lines += ((_code(key), rule.described(), rule.unset, rule.meaning) for key, rule in rules.items())
    return _table(*lines)


TABLES = {
    "providers": PROVIDER,
    "provider types": TYPE,
    "prices": PRICE,
    "tiers": {"above": TIER["above"]},
    "families": FAMILY,
    "error rules": ERROR_RULE,
    "fallback": FALLBACK_KEYS,
    "routes": ROUTE,
    "gateway": GATEWAY,
    "budgets": BUDGET,
    "limits": LIMIT,
    "ledger": LEDGER,
    "gateway keys": GATEWAY_KEY,
    "console": CONSOLE,
    "console keys": CONSOLE_KEY,
    "telemetry": TELEMETRY,
    "tracing": TRACING,
    "alerts": ALERTS,
    "webhooks": WEBHOOK,
    "single provider": LEGACY,
}
"""The tables of keys in configuration.md, by the names of their places."""


SIMULATION = {"scenario": SCENARIO, "traffic": TRAFFIC, "targets": TARGET, "incidents": INCIDENT}
"""The tables of keys in simulator.md, by the names of their places."""


def words(title: str, meanings: Mapping[str, str]) -> str:
    """Return a table of words and their meanings as Markdown."""
    return _table((title, "meaning"), *((_code(word), meaning) for word, meaning in meanings.items()))


def tasks() -> str:
    """Return the rules that pick a task as Markdown."""
    lines = [("task", "when")]
    lines += [(_code(rule.task), rule.when) for rule in RULES]
    return _table(*lines, (_code(DEFAULT_TASK), "no rule matches"))


def agents() -> str:
    """Return what `launch` and `setup` give to each agent as Markdown."""
    connection = Connection(url="URL", key=Secret("KEY"), models=("NAME",))
    home = Path("~")
    lines = [("agent", "installed with", "`launch`", "`setup` writes")]
    for agent in AGENTS.values():
        variables = [f"{name}={value}" for name, value in agent.environment.items()]
        arguments = " ".join(f"'{each}'" if '"' in each else each for each in agent.arguments)
        given = [*variables, *([arguments] if arguments else [])]
        given = [each.replace("$url", "URL").replace("$key", "KEY") for each in given]
        given += [_TEMPORARY[agent.temporary]] if agent.temporary else []
        written = [
            f"{file.place({}, home)}: " + ", ".join(".".join(path) for path in file.values(connection))
            for file in agent.files
        ]
        launched, set_up = ("<br>".join(map(_code, each)) for each in (given, written))
        lines.append((f"[{agent.title}]({agent.source})", _code(agent.install), launched, set_up))
    return _table(*lines)


_TEMPORARY = {
    "claude-settings": "--settings FILE",
    "gemini-home": "GEMINI_CLI_HOME=FOLDER",
    "opencode-content": "OPENCODE_CONFIG_CONTENT={…}",
}


def efforts() -> str:
    """Return the budgets that stand for efforts as Markdown."""
    rows = (f"| `{effort}` | {tokens:,} |" for effort, tokens in BUDGETS.items())
    return "\n".join(["| effort | tokens |", "| --- | --- |", *rows])


def access_log() -> str:
    """Return the fields of the access log as Markdown."""
    words = {
        name: text.rstrip(".").replace("`None`", "`null`") for name, text in reference.words_of(AccessRecord).items()
    }
    rows = (f"| `{name}` | {text[:1].lower()}{text[1:]} |" for name, text in words.items())
    return "\n".join(["| field | what |", "| --- | --- |", *rows])


def clients() -> str:
    """Return what clients of the gateway do with errors as Markdown."""
    rows = ["| client | what it does | a broken stream ends with |", "| --- | --- | --- |"]
    ends = {"event": "an error event", "cut": "a closed connection"}
    rows += [f"| {client} | {manner.source} | {ends[manner.broken]} |" for client, manner in MANNERS.items()]
    return "\n".join(rows)


def gateway_paths() -> str:
    """Return the paths of the gateway as Markdown, without those below the name of a vendor."""
    lines = [("API", "path", "what")]
    for face, title in TITLES.items():
        routes = [each for each in ROUTES if each.face == face and (not each.mount or each in AZURE)]
        merged: dict[tuple[str, str], list[str]] = {}
        for route in routes:
            merged.setdefault((route.path, route.says), []).append(route.method)
        for at, ((path, says), methods) in enumerate(merged.items()):
            lines.append(("" if at else title, _code(f"{' '.join(methods)} {path}"), says))
    return _table(*lines)


REPLIES_SAY = {
    replies.REQUEST_ID: "the id of the request, as in the log and in every record",
    replies.PROVIDER: "the entry that answered",
    replies.MODEL: "the model that answered",
    replies.ATTEMPTS: "how many attempts were made",
    replies.COST: "what the answer cost; not with a stream, whose headers come first",
    replies.WARNINGS: "what could not be expressed in the wire format of the provider, or of the caller; `degraded "
    "limits` while the server of the [limits](budgets.md#limits-in-valkey) is away",
    replies.ESTIMATED: "`true` if a number of tokens was estimated",
}


def gateway_replies() -> str:
    """Return the headers of the gateway's answers as Markdown."""
    return _table(("header", "what"), *((_code(name), text) for name, text in REPLIES_SAY.items()))


def metrics() -> str:
    """Return the metrics of the gateway as Markdown."""
    lines = [("metric", "type", "labels", "what")]
    lines += ((_code(each.queried), str(each.kind), _code(*each.labels), each.help) for each in METRICS)
    return _table(*lines)


def admin_api() -> str:
    """Return the routes of the admin API as Markdown."""
    rows = ((_code(f"{each.method} {each.path}"), each.scope or "everyone", each.says) for each in ADMIN_API.routes)
    return _table(("path", "scope", "what"), *rows)


def traced() -> str:
    """Return the attributes of spans by OpenTelemetry's conventions as Markdown."""
    both = [(name.released or "", name.draft or "") for name in ATTRIBUTES.values()]
    return _table(("`released`", "`draft`"), *(tuple(_code(each) if each else "" for each in pair) for pair in both))


def added_for_back_ends() -> str:
    """Return the attributes that are added for each of the back ends as Markdown."""
    meanings = {
        "cost": "an attempt's cost in US dollars",
        "costs": "the same, as `total_cost` of a map",
        "first_content": "when an attempt's first content came",
        "kind": "the kind of the request's span: `CHAIN`",
        "label": "a label of the request; its name follows",
        "input": "the request's last message, if content is sent",
        "output": "the text of the answer, if content is sent",
    }
    rows = [
        (meaning, *(_code(names[key]) if key in names else "" for names in BACKENDS.values()))
        for key, meaning in meanings.items()
    ]
    return _table(("", *map(_code, BACKENDS)), *rows)


PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("fallback.md", "verdicts"): verdict_table,
    **{("failures.md", name): draw for name, draw in failures.PARTS.items()},
    ("choosing.md", "tasks"): tasks,
    ("cli.md", "exit codes"): exit_codes,
    ("cli.md", "chat commands"): chat_commands,
    ("cli.md", "common"): common_options,
    ("providers.md", "operations"): provider_operations,
    ("providers.md", "instead"): provider_instead,
    ("providers.md", "access"): provider_access,
    ("providers.md", "models"): provider_models,
    ("embeddings.md", "batches"): embedding_batches,
    **{("simulator.md", name): partial(keys, rules) for name, rules in SIMULATION.items()},
    ("simulator.md", "scenarios"): partial(words, "scenario", SCENARIOS),
    ("simulator.md", "distributions"): partial(words, "distribution", DISTRIBUTIONS),
    ("simulator.md", "figures"): partial(words, "figure", FIGURES),
    **{("configuration.md", name): partial(keys, rules) for name, rules in TABLES.items()},
    **{("cli.md", command): partial(options_of, command) for command in COMMANDS},
    **{("cli.md", f"{command} examples"): partial(examples_of, command) for command in COMMANDS},
    ("coding-agents.md", "agents"): agents,
    ("gateway.md", "paths"): gateway_paths,
    ("gateway.md", "replies"): gateway_replies,
    ("gateway.md", "access log"): access_log,
    ("gateway.md", "clients"): clients,
    ("gateway.md", "efforts"): efforts,
    ("gateway.md", "limits"): limits,
    ("metrics.md", "metrics"): metrics,
    ("console.md", "admin api"): admin_api,
    ("tracing.md", "attributes"): traced,
    ("tracing.md", "added"): added_for_back_ends,
    **{("python.md", name): draw for name, draw in reference.PARTS.items()},
}


def refreshed(text: str, name: str, part: str) -> str:
    """Return a page with one generated part replaced."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert pattern.search(text), f"no part {name!r}"
    return pattern.sub(lambda match: match.group(1) + part + "\n" + match.group(2), text)


def main() -> None:
    for (page, name), draw in PARTS.items():
        path = DOCS / page
        path.write_text(refreshed(path.read_text(encoding="utf-8"), name, draw()), encoding="utf-8")


if __name__ == "__main__":
    main()
