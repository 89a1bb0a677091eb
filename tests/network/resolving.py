"""A plugin of proxy.py: every name below `.test` is this machine. Loaded by the proxy's own process."""

from __future__ import annotations

from proxy.http.proxy import HttpProxyBasePlugin


class TestNamesAreHere(HttpProxyBasePlugin):
    def resolve_dns(self, host: str, port: int) -> tuple[str | None, tuple[str, int] | None]:
        return ("127.0.0.1" if host.endswith(".test") else None), None
