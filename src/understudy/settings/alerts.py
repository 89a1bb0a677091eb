"""Of what operators are alerted, and where to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from understudy.domain.misuse import ConfigError
from understudy.domain.rules import Rule
from understudy.domain.secret import Secret
from understudy.domain.suggestions import shown
from understudy.settings.checking import Settings

Form = Literal["json", "slack"]
FORMS: tuple[Form, ...] = get_args(Form)


class Webhook(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """Where alerts are sent: the fields of `[[llm.telemetry.alerts.webhooks]]`."""

    name: str
    url: str | Secret
    """It becomes a `Secret`: of many services whoever knows it may post."""
    form: Form = "json"
    """`json`: a document; `slack`: what the incoming webhooks of Slack take."""
    secret: Secret | None = None
    """Signs what is sent, as Standard Webhooks do."""

    def __post_init__(self) -> None:
        """Keep the URL out of what is printed. Raise `ConfigError` for an invalid value."""
        url = self.url if isinstance(self.url, Secret) else Secret(self.url.strip())
        msgspec.structs.force_setattr(self, "url", url)
        if (complaint := url_complaint(url)) is not None:
            raise ConfigError(f"Webhook: {complaint}")
        if self.form not in FORMS:
            raise ConfigError(f"Webhook: form is one of {', '.join(FORMS)}, got {shown(self.form)}")

    @property
    def address(self) -> str:
        """The URL as it is asked."""
        return self.url.reveal() if isinstance(self.url, Secret) else self.url


class AlertsConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """When alerts are sent: the fields of `[llm.telemetry.alerts]`."""

    enabled: bool = True
    webhooks: tuple[Webhook, ...] = ()
    down_after: float = 30.0
    """Seconds for which a target must be down."""
    up_after: float = 60.0
    """Seconds for which what was wrong must be well again."""
    budget_warning: int = 80
    """The percentage of a budget at which a warning is sent; 0: none. Another alert is sent at 100."""
    error_rate: float = 0.1
    """The share of failed requests within five minutes; 0: no such alert."""
    error_requests: int = 20
    """Requests within five minutes below which their errors cause no alert."""
    unknown_cost: float = 0.05
    """The share of attempts of unknown cost within five minutes; 0: no such alert."""
    unknown_attempts: int = 20
    """Attempts within five minutes below which their costs cause no alert."""

    @property
    def budget_levels(self) -> tuple[int, ...]:
        """The percentages of a budget at which alerts are sent."""
        return (self.budget_warning, 100) if self.budget_warning else (100,)


def url_complaint(url: Secret) -> str | None:
    """Return what is wrong with the URL of a webhook; `None` if it is valid. Never repeats it."""
    text, wrong = url.reveal(), "url must be a URL that begins with http:// or https://"
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return wrong
    if not is_valid or not text.isascii() or not text.isprintable() or " " in text or parts.username is not None:
        return wrong
    return "url must have no fragment" if parts.fragment else None


WEBHOOK: Mapping[str, Rule] = {
    "name": Rule("string", '"pager"', "its name in logs; unique"),
    "url": Rule("string", '"${ALERTS_URL}"', "where alerts are posted; it is kept secret"),
    "form": Rule(
        "string",
        '"slack"',
        "`json`: a document of ours; `slack`: what the incoming webhooks of Slack take",
        "`json`",
        choices=FORMS,
    ),
    "secret": Rule("string", '"${ALERTS_SECRET}"', "signs what is sent, so that its origin can be checked", "unsigned"),
}
"""The keys of `[[llm.telemetry.alerts.webhooks]]`: the fields of `Webhook`."""

ALERTS: Mapping[str, Rule] = {
    "enabled": Rule("flag", "false", "whether alerts are sent", "`true`"),
    "webhooks": Rule(
        "tables", '[{ name = "pager", url = "${ALERTS_URL}" }]', "where alerts are sent; see below", "required"
    ),
    "down_after": Rule("number", "30", "how long a target must be down", "30", least=0, most=86400, unit="seconds"),
    "up_after": Rule(
        "number", "60", "how long what was wrong must be well again", "60", least=0, most=86400, unit="seconds"
    ),
    "budget_warning": Rule(
        "integer",
        "80",
        "the percentage of a budget at which a warning is sent, besides the alert at 100; 0: no warning",
        "80",
        least=0,
        most=99,
    ),
    "error_rate": Rule(
        "number", "0.1", "share of failed requests within five minutes; 0: no such alert", "0.1", least=0, most=1
    ),
    "error_requests": Rule(
        "integer", "20", "requests within five minutes below which their errors cause no alert", "20", least=1
    ),
    "unknown_cost": Rule(
        "number",
        "0.05",
        "share of attempts of unknown cost within five minutes; 0: no such alert",
        "0.05",
        least=0,
        most=1,
    ),
    "unknown_attempts": Rule(
        "integer", "20", "attempts within five minutes below which their costs cause no alert", "20", least=1
    ),
}
"""The keys of `[llm.telemetry.alerts]`: the fields of `AlertsConfig`."""
