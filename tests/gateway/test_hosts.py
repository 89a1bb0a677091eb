"""Which `Host` and `Origin` a gateway accepts: nothing that a foreign web page could send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.errors import ConfigError
from understudy.gateway.hosts import Hosts, is_loopback

LOCAL = Hosts.of("127.0.0.1")
NAMED = Hosts.of("box", ["gateway.example.com", "*.Corp.Example", "B\xfccher.example"])
ANY = Hosts.of("0.0.0.0", ["*"])
ALL = (LOCAL, NAMED, ANY)


def status(hosts: Hosts, host: str | None, version: str = "1.1") -> int | None:
    headers = {"accept": "*/*"} if host is None else {"accept": "*/*", "host": host}
    failure = hosts.refusal(headers, version)
    return None if failure is None else failure.status


@pytest.mark.parametrize("hosts", ALL)
@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8484", "localhost.", "app.localhost", "127.0.0.1", "127.0.0.1:8484", "127.9.9.9", "[::1]",
     "[::1]:8484", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "127.0.0.1:", "192.168.1.5:8484", "[2001:db8::1]:80"],
)  # fmt: skip
def test_loopback_names_and_addresses_are_accepted(hosts: Hosts, host: str) -> None:
    assert status(hosts, host) is None


@pytest.mark.parametrize(
    ("host", "accepting"),
    [
        ("evil.example", [ANY]),
        ("localhost.evil.example", [ANY]),
        ("evil-localhost", [ANY]),
        ("127.0.0.1.evil.example", [ANY]),
        ("box:8484", [NAMED, ANY]),
        ("gateway.example.com", [NAMED, ANY]),
        ("Gateway.Example.COM.:443", [NAMED, ANY]),
        ("x.gateway.example.com", [ANY]),
        ("a.corp.example", [NAMED, ANY]),
        ("a.b.corp.example", [NAMED, ANY]),
        ("corp.example", [ANY]),
        ("evilcorp.example", [ANY]),
        ("xn--bcher-kva.example", [NAMED, ANY]),
        ("my_service", [ANY]),
    ],
)
def test_other_names_are_accepted_where_they_are_configured(host: str, accepting: list[Hosts]) -> None:
    for hosts in ALL:
        assert status(hosts, host) == (None if hosts in accepting else 403)


@pytest.mark.parametrize(
    "host",
    ["", " ", "local host", "localhost:port", "localhost:99999", "localhost:123456", "localhost:8484:1", ":8484",
     "[::1", "::1", "[localhost]", "user@localhost", "http://localhost", "localhost/path", "localhost,evil.example",
     "a..b", "-a", ".", "a" * 64, "x." * 127 + "xx", "127.1", "0x7f.1", "2130706433", "0x7f000001", "127.0.0.01",
     "256.0.0.1", "localhost\t", "localhost\x00", "local\xadhost", "\xff\xfe", "localhost, localhost",
     "localhost, evil.example", "%6cocalhost",
     "localhost:\u0664"],
)  # fmt: skip
def test_malformed_hosts_are_a_400_everywhere(host: str) -> None:
    for hosts in ALL:
        assert status(hosts, host) == 400


def test_a_host_is_required() -> None:
    assert status(LOCAL, None) == 400
    # HTTP/1.0 has none, and no browser speaks it.
    assert status(LOCAL, None, version="1.0") is None
    assert status(LOCAL, "evil.example", version="1.0") == 403


def test_the_error_names_the_host_and_the_remedy() -> None:
    failure = LOCAL.refusal({"host": "gateway.example:8484"})
    assert failure is not None
    assert failure.message == (
        "this gateway is not reached under the name 'gateway.example': add it to hosts in [llm.gateway]"
    )


@pytest.mark.parametrize(
    "name", ["https://gateway.example", "gateway.example:443", "gateway.example/v1", "", "a b", "*.", "a.*.b", "**"]
)
def test_an_invalid_configured_host(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a host name"):
        Hosts.of("127.0.0.1", [name])


def foreign(hosts: Hosts, origin: str) -> bool:
    failure = hosts.foreign_page({"host": "localhost", "origin": origin})
    assert failure is None or failure.status == 403
    return failure is not None


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("http://localhost:3000", False),
        ("http://127.0.0.1:8484", False),
        ("https://gateway.example.com", False),
        ("vscode-file://vscode-app", False),
        ("tauri://localhost", False),
        ("app://obsidian.md", False),
        ("https://evil.example", True),
        ("http://localhost.evil.example", True),
        ("http://localhost@evil.example", True),
        ("HTTPS://EVIL.example", True),
        ("null", True),
        ("", True),
        ("http://", True),
        ("http:localhost", True),
        ("httpx://evil.example", False),
        ("evil.example", True),
        ("http://localhost, https://evil.example", True),
        ("app://x, https://evil.example", True),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str, refused: bool) -> None:
    assert foreign(NAMED, origin) is refused


def test_programs_send_no_origin() -> None:
    assert LOCAL.foreign_page({"host": "localhost"}) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False),
     ("::", False), ("", False), ("192.168.1.5", False), ("gateway.example", False), ("localhost.evil.example", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@given(st.text("localhost.evi:1[]%/@\xe9\x00", max_size=20))
def test_any_host_and_origin_is_judged(text: str) -> None:
    for hosts in ALL:
        assert status(hosts, text) in (None, 400, 403)
        foreign(hosts, text)
