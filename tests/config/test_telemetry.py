"""The table `[llm.telemetry]`: what is read, and what is refused with which words."""

from __future__ import annotations

import pytest

from understudy.config import Config, ConfigError, parse
from understudy.domain.secret import Secret
from understudy.settings.alerts import AlertsConfig, Webhook
from understudy.settings.telemetry import TelemetryConfig
from understudy.settings.tracing import TracingConfig

ENTRY = '[[llm.providers]]\nname = "main"\nprovider = "ollama"\n'
URL = "https://hooks.example/T0/url-canary-4711"


def read(text: str, **environ: str) -> Config:
    return parse(ENTRY + text, environ=environ)


def refused(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return str(caught.value)


def tracing(lines: str) -> str:
    return f'[llm.telemetry.tracing]\nendpoint = "http://localhost:4318"\n{lines}\n'


def webhook(lines: str, before: str = "") -> str:
    return f"[llm.telemetry.alerts]\n{before}\n[[llm.telemetry.alerts.webhooks]]\n{lines}\n"


def test_without_the_table_nothing_is_sent() -> None:
    assert read("").telemetry == TelemetryConfig()


def test_all_of_the_tracing_is_read() -> None:
    text = """
        headers = { x-key = "${COLLECTOR_KEY}" }
        profile = "draft"
        backends = ["mlflow", "langfuse"]
        sample = 0.25
        content = "errors"
        content_max_bytes = 2048
        content_redact = ['EMP-\\d+']
        propagate = ["main"]
        service = "gateway"
        metrics = true
    """
    assert read(tracing(text), COLLECTOR_KEY="collector-canary-12").telemetry.tracing == TracingConfig(
        endpoint="http://localhost:4318",
        headers={"x-key": Secret("collector-canary-12")},
        profile="draft",
        backends=("mlflow", "langfuse"),
        sample=0.25,
        content="errors",
        content_max_bytes=2048,
        content_redact=("EMP-\\d+",),
        propagate=("main",),
        service="gateway",
        metrics=True,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[llm.telemetry.tracing]\nservice = "a"', 'the tracing has no "endpoint"'),
        ('[llm.telemetry.tracing]\nendpoint = "localhost:4318"', "endpoint must be a URL"),
        ('[llm.telemetry.tracing]\nendpoint = "http://u:p4ssw0rd@host"', "neither a user name nor a query"),
        (tracing('propagate = ["mian"]'), 'propagate names "mian", which is not an entry'),
        (tracing("sample = 2"), "sample must be"),
        (tracing('profile = "newest"'), "unknown value for profile"),
        (tracing('backends = ["langfuze"]'), "backends must be among langfuse, mlflow, phoenix, got "),
        (tracing("content_redact = ['(']"), "is not a regular expression"),
        (tracing('headers = { "a b" = "x" }'), "is not the name of a header"),
        (tracing('headers = { key = "a\\nb" }'), "must be printable ASCII"),
        ("[llm]\ntelemetry = 1\n", "llm.telemetry must be a table"),
        ("[llm.telemetry.alerts]\n", "there is no webhook"),
        (webhook('name = "a"'), 'the webhook has no "url"'),
        (webhook(f'url = "{URL}"'), 'the webhook has no "name"'),
        (webhook('name = "a"\nurl = "hooks.example"'), "url must be a URL"),
        (webhook(f'name = "a"\nurl = "{URL}"\nform = "teams"'), "unknown value for form"),
        (webhook(f'name = "a"\nurl = "{URL}"\nsecret = "short"'), "at least 16 characters"),
        (webhook(f'name = "a"\nurl = "{URL}"', "error_rate = 1.5"), "error_rate must be"),
        (webhook(f'name = "a"\nurl = "{URL}"', "down_for = 3"), "down_for"),
        (webhook('name = "a"\nurl = "${MISSING}"'), "the environment variable MISSING is not set"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_it(text: str, words: str) -> None:
    if text.startswith("[llm]"):
        with pytest.raises(ConfigError) as caught:
            parse(text + ENTRY, environ={})
        said = str(caught.value)
    else:
        said = refused(text)
    assert words in said
    assert "canary" not in said.replace("line", "") or 'url = "' in said
    assert "p4ssw0rd" not in said.partition("neither")[2]


def test_all_of_the_alerts_is_read_and_its_secrets_do_not_show() -> None:
    text = webhook(
        'name = "pager"\nurl = "${HOOK}"\nform = "slack"\nsecret = "${SIGN}"',
        "down_after = 5\nup_after = 6\nbudget_warning = 50\nerror_rate = 0.2\nerror_requests = 7\n"
        "unknown_cost = 0\nunknown_attempts = 8",
    )
    alerts = read(text, HOOK=URL, SIGN="signing-canary-123456").telemetry.alerts
    assert alerts == AlertsConfig(
        webhooks=(Webhook(name="pager", url=Secret(URL), form="slack", secret=Secret("signing-canary-123456")),),
        down_after=5,
        up_after=6,
        budget_warning=50,
        error_rate=0.2,
        error_requests=7,
        unknown_cost=0,
        unknown_attempts=8,
    )
    assert "canary" not in repr(alerts)


def test_two_webhooks_need_two_names() -> None:
    one = f'[[llm.telemetry.alerts.webhooks]]\nname = "a"\nurl = "{URL}"\n'
    assert "another webhook has this name" in refused(one + one)


def test_alerts_that_are_switched_off_need_no_webhook() -> None:
    assert read("[llm.telemetry.alerts]\nenabled = false\n").telemetry.alerts == AlertsConfig(enabled=False)
