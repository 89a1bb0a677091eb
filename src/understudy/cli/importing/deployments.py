"""One item of LiteLLM's `model_list`: which entry it is, and which model of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from understudy.cli.importing.differences import Report
from understudy.cli.importing.document import Path
from understudy.cli.importing.parameters import (
    ALWAYS,
    CAPABILITIES,
    FIELDS,
    NO_OPERATION,
    NOT_CARRIED,
    OPTIONS,
    RATES,
    READ,
)
from understudy.cli.importing.prefixes import BuiltIn, Compatible, Missing, kind_of, split
from understudy.settings.checking import CREDENTIAL, is_header
from understudy.settings.rules import PROVIDER

_ENVIRONMENT = "os.environ/"
_PLACEHOLDER = re.compile(
    r"(?i)(sk-)?(none|null|empty|dummy|fake|anything|any|not[-_ ]?(needed|required|used)|no[-_]?key|ollama"
    r"|lm[-_]?studio|x+)([-_]?(api)?[-_]?key)?"
)
"""Keys of servers that need none."""


_OWN_API = re.compile(r"^(responses|chat|o_series|gpt5_series)/")
"""What LiteLLM puts before a model to choose an API, which an entry does by itself."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider."""

    group: str
    """The name that callers use: LiteLLM's `model_name`."""
    path: Path
    prefix: str
    entry: Mapping[str, Any]
    """The values of its entry, but for its models and prices."""
    type: Mapping[str, Any] | None = None
    """The provider type that the entry needs, if it is not built in."""
    model: str | None
    """`None`: whichever the caller names."""
    is_embedding: bool = False
    price: Mapping[str, Any] = {}
    weight: float | None = None
    order: int | None = None


class Place(msgspec.Struct, frozen=True):
    """Where an item is written, and its values."""

    path: Path
    report: Report
    params: Mapping[str, Any]
    info: Mapping[str, Any]

    def differs(self, key: str, what: str) -> None:
        """Note what differs at a key of `litellm_params`."""
        self.report.add((*self.path, "litellm_params", key), what)


def read_deployment(item: Any, path: Path, report: Report, credentials: Mapping[str, Any]) -> Deployment | None:
    """Read an item; `None` for one that cannot be carried over, which is reported."""
    params = item.get("litellm_params") if isinstance(item, dict) else None
    if not isinstance(params, dict) or not isinstance(params.get("model"), str):
        report.add(path, "left out: the item has no litellm_params with a model")
        return None
    info = item.get("model_info")
    named = params.get("litellm_credential_name")
    if named is not None and str(named) not in credentials:
        report.add(path, f"the credential {named} is not in credential_list: set api_key of the entry")
    limits = {key: item[key] for key in ("rpm", "tpm") if key in item}  # some write them beside litellm_params
    place = Place(
        path, report, {**limits, **credentials.get(str(named), {}), **params}, info if isinstance(info, dict) else {}
    )
    prefix, model = _split(place)
    model = _OWN_API.sub("", model)
    group = str(item.get("model_name") or model)
    if (why := _why_not(place, prefix, model)) or prefix is None:
        report.add(path, f"left out: {group}: {why}")
        return None
    _report_parameters(place)
    entry, own_type = _entry(place, prefix)
    return Deployment(
        group=group,
        path=path,
        prefix=prefix,
        entry=entry,
        type=own_type,
        model=None if "*" in model else model,
        is_embedding=_is_embedding(place, model),
        price=_price(place),
        weight=_weight(place),
        order=place.params["order"] if isinstance(place.params.get("order"), int) else None,
    )


def _why_not(place: Place, prefix: str | None, model: str) -> str | None:
    """Return why a deployment cannot be carried over."""
    if place.params["model"] == "*":
        return "the provider of a model is never guessed: callers name models as ENTRY/MODEL"
    if prefix is None:
        return f"the provider of the model {place.params['model']} is unknown: write PROVIDER/MODEL"
    kind = kind_of(prefix)
    if isinstance(kind, Missing) and not (prefix not in _KNOWN_MISSING and _address(place)):
        return kind.why
    if isinstance(kind, Compatible) and not (kind.base_url or kind.base_variable or _address(place)):
        return f"{prefix} has no address: set api_base"
    if (address := _address(place)) and (complaint := _bad_address(address)):
        return complaint
    mode = _mode(place)
    if mode in NO_OPERATION or re.match(r"(dall-e|gpt-image|whisper|tts-|omni-moderation)", model):
        return f"{mode or 'this model'} is neither for chats nor for embeddings: callers use /passthrough/ENTRY/…"
    return None if model else "the model is missing"


_KNOWN_MISSING = frozenset(
    {"bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat", "vertex_ai", "vertex_ai_beta", "watsonx"}
    | {"text-completion-openai", "text-completion-codestral", "elevenlabs", "deepgram", "assemblyai", "auto_router"}
)
"""Providers that speak a format of their own, so that an address does not help."""


def _report_parameters(place: Place) -> None:
    for key in place.params:
        if key in NOT_CARRIED:
            report = place.report.once if key in ("rpm", "tpm") else place.report.add
            report((*place.path, "litellm_params", key), f"{key}: {NOT_CARRIED[key]}")
        elif key not in READ | ALWAYS | OPTIONS and key not in RATES:
            place.differs(key, f"{key} is not carried over: it has no counterpart in an entry")
    if "base_model" in place.info:
        place.report.add(
            (*place.path, "model_info", "base_model"),
            "base_model is not carried over: if the cost of this deployment is unknown, set its price",
        )


def reference(written: Any) -> Any:
    """Return a value with LiteLLM's references to variables in our form."""
    if not isinstance(written, str):
        return written
    if written.startswith(_ENVIRONMENT):
        return "${" + written.removeprefix(_ENVIRONMENT) + "}"
    return written.replace("${", "$${")


def _split(place: Place) -> tuple[str | None, str]:
    custom = place.params.get("custom_llm_provider")
    return split(place.params["model"], custom if isinstance(custom, str) else None)


def _mode(place: Place) -> str | None:
    mode = place.info.get("mode")
    return mode if isinstance(mode, str) else None


def _address(place: Place) -> str | None:
    """Return the address of a deployment, without a query."""
    written = place.params.get("api_base") or place.params.get("base_url")
    return str(reference(written)).strip().partition("?")[0] if isinstance(written, str) and written else None


_NO_URL = "api_base is not a URL: write http://HOST:PORT"


def _bad_address(address: str) -> str | None:
    """Return what is wrong with an address; references to variables are checked when they are read."""
    if "${" in address:
        return None
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and parts.scheme in ("http", "https") and (parts.port or 1) > 0
    except ValueError:
        return _NO_URL
    if "@" in parts.netloc:
        return "api_base must not contain a user or password"
    return None if named else _NO_URL


def _entry(place: Place, prefix: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the values of the entry, and the provider type that it needs."""
    kind, address = kind_of(prefix), _address(place)
    entry: dict[str, Any] = {}
    own_type: dict[str, Any] | None = None
    match kind:
        case BuiltIn(provider="openai") if address and not _is_home(address, "openai.com"):
            entry["provider"] = _type_name(prefix, address)
            own_type = {"dialect": "openai", "base_url": address, "key_required": False}
            default = None
        case BuiltIn():
            entry["provider"] = kind.provider
            default = kind.key_variable
            if address or (kind.base_variable and prefix in ("azure", "ollama", "ollama_chat")):
                entry["base_url"] = address or _default_address(kind)
        case Compatible():
            entry["provider"] = _type_name(prefix, address if kind.base_url is None else None)
            base = kind.base_url or address or f"${{{kind.base_variable}}}"
            own_type = {"dialect": "openai", "base_url": base}
            own_type |= {} if kind.key_variable else {"key_required": False}
            if address and address != base:
                entry["base_url"] = address
            default = kind.key_variable
        case Missing():  # an OpenAI-compatible server that we do not know, at an address that is written
            entry["provider"] = _type_name(prefix, None)
            own_type = {"dialect": "openai", "base_url": address, "key_required": False}
            default = None
    entry |= _credential(place, prefix, default)
    for key, read in _READERS.items():
        value = read(place)
        if value is None or value == {}:
            continue
        if complaint := PROVIDER[key].complaint(value):
            place.report.add(place.path, f"{key} is not carried over: it {complaint}")
        else:
            entry[key] = value
    return entry, own_type


def _default_address(kind: BuiltIn) -> str:
    variable = f"${{{kind.base_variable}"
    return variable + (":-http://localhost:11434}" if kind.provider == "ollama" else "}")


def _is_home(address: str, domain: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host == domain or host.endswith(f".{domain}")


def _type_name(prefix: str, address: str | None) -> str:
    """Return the name of a provider type: that of the provider, or for a server of one's own that of its host."""
    if variable := re.fullmatch(r"\$\{(\w+?)(?:_API)?(?:_BASE)?(?:_URL)?\}", address or ""):
        return re.sub(r"[^a-z0-9-]+", "-", variable[1].lower())
    if not address or "${" in address or not (host := urlsplit(address).hostname):
        return re.sub(r"[^A-Za-z0-9-]+", "-", prefix)
    is_number = re.fullmatch(r"[\d.:a-f]+", host)
    label = host if is_number else next((each for each in host.split(".") if each not in ("api", "www")), host)
    port = urlsplit(address).port
    return re.sub(r"[^A-Za-z0-9-]+", "-", f"{label}-{port}" if port else label).strip("-")


def _credential(place: Place, prefix: str, default: str | None) -> dict[str, str]:
    """Return the key of an entry, as a reference: a key that is written out is not copied."""
    for ours, theirs in (("token", "azure_ad_token"), ("api_key", "api_key")):
        written = place.params.get(theirs)
        if not isinstance(written, str) or not written or (ours == "token" and prefix != "azure"):
            continue
        if written.startswith(_ENVIRONMENT) or _PLACEHOLDER.fullmatch(written):
            return {ours: str(reference(written))}
        variable = place.report.variable(re.sub(r"[^A-Z0-9]+", "_", prefix.upper()), written)
        place.differs(theirs, f"the key is written in the file and not copied: set {variable} to it")
        return {ours: f"${{{variable}}}"}
    if default is None and prefix == "openai":
        place.report.add(place.path, "no key is sent to this address: set api_key of the entry if it needs one")
    return {"api_key": f"${{{default}}}"} if default else {}


def _number(*keys: str) -> Callable[[Place], float | int | None]:
    def read(place: Place) -> float | int | None:
        for key in keys:
            value = place.params.get(key)
            if isinstance(value, bool) or value is None:
                continue
            if isinstance(value, int | float):
                return value
            try:
                return float(value)
            except (TypeError, ValueError):
                place.differs(key, f"{key} is not a number and not carried over")
        return None

    return read


def _version(place: Place) -> str | None:
    """Return the version of the API, which people also write into the address."""
    if written := place.params.get("api_version"):
        return str(reference(str(written)))
    query = urlsplit(str(place.params.get("api_base") or "")).query
    return dict(parse_qsl(query)).get("api-version")


def _headers(place: Place) -> dict[str, str]:
    both = (place.params.get(key) for key in ("headers", "extra_headers"))
    written = {name: value for each in both if isinstance(each, dict) for name, value in each.items()}
    if organization := place.params.get("organization"):
        written["OpenAI-Organization"] = organization
    kept: dict[str, str] = {}
    for name, value in written.items():
        if CREDENTIAL.search(name):
            place.differs("extra_headers", f"the header {name} looks like a key and is not copied: use api_key")
        else:
            kept[name] = str(reference(str(value)))
            if not is_header(name, kept[name]):
                place.differs("extra_headers", f"the header {name} is not printable ASCII and not carried over")
                del kept[name]
    return kept


def _extra(place: Place) -> dict[str, Any]:
    """Return fields of the body that each request carries, where the wire format has them in its first level."""
    prefix, _ = _split(place)
    known = FIELDS.get(prefix or "", OPTIONS)
    written = {key: value for key, value in place.params.items() if key in OPTIONS}
    for key in [key for key in written if key not in known]:
        del written[key]
        place.differs(key, f"{key} is not carried over: callers set it in each request")
    body = place.params.get("extra_body")
    return {**written, **(body if isinstance(body, dict) else {})}


def _capabilities(place: Place) -> dict[str, bool]:
    return {
        ours: place.info[theirs] for theirs, ours in CAPABILITIES.items() if isinstance(place.info.get(theirs), bool)
    }


def _window(place: Place) -> int | None:
    value = place.info.get("max_input_tokens")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_READERS: Mapping[str, Callable[[Place], Any]] = {
    "api_version": _version,
    "timeout": _number("timeout", "request_timeout"),
    "first_event_timeout": _number("stream_timeout"),
    "max_tokens": _number("max_tokens", "max_completion_tokens"),
    "temperature": _number("temperature"),
    "context_window": _window,
    "capabilities": _capabilities,
    "headers": _headers,
    "extra": _extra,
}
"""The keys of an entry, and how each is read."""


def _is_embedding(place: Place, model: str) -> bool:
    mode = _mode(place)
    return mode == "embedding" or (mode is None and bool(re.search(r"embed|(^|/)bge-|(^|/)e5-", model)))


def _weight(place: Place) -> float | None:
    """Return the share of a deployment: its weight, else its limits, by which LiteLLM shuffles."""
    share = _number("weight", "rpm", "tpm")(place)
    return share if share is None or share >= 0 else None


def _price(place: Place) -> dict[str, Any]:
    """Return the rates that are written, in dollars per million tokens."""
    rates: dict[str, Any] = {}
    for theirs, ours in RATES.items():
        value = place.params.get(theirs, place.info.get(theirs))
        if value is None:
            continue
        try:
            rate = Decimal(str(value)) * 1_000_000
        except InvalidOperation:
            place.differs(theirs, f"{theirs} is not a number and not carried over")
            continue
        if not rate.is_finite() or rate < 0:
            place.differs(theirs, f"{theirs} is not a price and not carried over")
            continue
        rates[ours] = int(rate) if rate == rate.to_integral_value() else float(rate)
    if rates and "input" not in rates:
        rates["input"] = 0
    return rates
