"""Programs of earlier versions find every name where they import it; those that moved with a `DeprecationWarning`."""

from __future__ import annotations

import importlib
import warnings

import pytest

import understudy
from tests.architecture.test_public_names import run
from understudy import blocking
from understudy.moved import HOMES

PUBLIC = (
    "AttemptRecord Audio AuthenticationFailed CacheMark Citation ConfigError ConnectionFailed ContentFiltered "
    "ContextLengthExceeded Cost CostBasis DeadlineExceeded EmbeddingFailed EmbeddingRequest EmbeddingResponse Event "
    "Facts Failure FailureKind FallbackConfig FallbackStrategy File FinishReason Finished GenerationFailed "
    "GenerationRequest GenerationResponse HealthStatus HttpRequest Image InvalidRequest InvalidResponse LLMError "
    "LLMProvider MemoryLedger Message Misuse ModelInfo ModelNotFound Money Opaque Outcome OutputFormat Overloaded "
    "PermissionDenied Plan Price ProviderConfig ProviderManager ProviderStats ProviderType QuotaExhausted RateLimited "
    "Rates Reasoning Refusal Refused RequestTooLarge ResponseStream Role Route Secret ServerFailed Signer Skip Started "
    "Step Strategy StreamInterrupted Target TargetFacts Text TextDelta Thinking ThinkingDelta Tier TimedOut TokenCount "
    "TokenSource Tool ToolCall ToolCallDelta ToolCallStarted ToolChoice ToolResult Unavailable Unsupported Usage "
    "UsageReported blocking create_provider from_config"
)
BLOCKING = "DialectProvider LLMProvider ProviderManager ResponseStream create_provider from_config"
DOCUMENTED = {
    "understudy.config": "Config ConfigError Disabled Notice NoticeKind discover load locate parse",
    "understudy.dialects.base": "Operation",
    "understudy.emulator": "KEY EmulatedModel EmulatedProvider Emulator Fault FaultKind RecordedRequest emulate",
    "understudy.ledger": "LedgerSink Observer",
    "understudy.providers.base": "Auth Family ProviderRow",
}
"""What the documentation imported by its module."""
MODULES = {
    "aio_transport": "AioTransport",
    "dialect_provider": "DialectProvider",
    "factory": "create_provider",
    "manager": "ProviderManager from_config",
    "network": "Network",
    "provider": (
        "EmbedOptions FallbackConfig FallbackStrategy LLMProvider Prompt ProviderConfig ProviderStats ProviderType "
        "RequestOptions Route Whole"
    ),
    "signing": "Credential NotSigned Signer TokenSource",
    "stream": "ResponseStream",
    "transport": "Incoming Transport TransportError",
}
"""Modules that no longer exist, from which typed programs imported what was not public."""


@pytest.mark.parametrize("name", PUBLIC.split())
def test_a_public_name_is_still_public(name: str) -> None:
    assert name in understudy.__all__
    assert getattr(understudy, name) is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", BLOCKING.split())
def test_a_blocking_name_is_still_there(name: str) -> None:
    assert getattr(blocking, name) is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in DOCUMENTED for name in DOCUMENTED[module].split()]
)
def test_a_documented_import_still_works(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in MODULES for name in MODULES[module].split()])
def test_a_former_module_still_has_its_types(module: str, name: str) -> None:
    former = importlib.import_module(f"understudy.{module}")
    with pytest.warns(
        DeprecationWarning, match=rf"understudy\.{module}\.{name} has moved: import understudy\."
    ) as told:
        assert getattr(former, name) is not None
    assert told[0].filename == __file__


def test_every_former_module_is_listed() -> None:
    assert set(MODULES) == set(HOMES)


def test_a_former_name_is_the_present_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert importlib.import_module("understudy.provider").RequestOptions is understudy.RequestOptions
        assert importlib.import_module("understudy.dialect_provider").DialectProvider is understudy.Provider
        assert vars(blocking).get("DialectProvider", blocking.Provider) is blocking.Provider


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        importlib.import_module("understudy.no_such_module")
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module("understudy.provider").no_such_name  # noqa: B018 - the access raises


def test_looking_for_former_modules_loads_nothing() -> None:
    code = "import understudy, json.tool; print([m for m in sys.modules if m.startswith('understudy.')])"
    assert run(code) == "[]"
