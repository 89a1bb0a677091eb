"""What is configured: providers, what happens when one fails, and routes."""

from understudy.settings.entry import ProviderConfig, Signer, TokenSource
from understudy.settings.fallback import FallbackConfig, Route
from understudy.settings.strategy import FallbackStrategy, Whole

__all__ = ["FallbackConfig", "FallbackStrategy", "ProviderConfig", "Route", "Signer", "TokenSource", "Whole"]
