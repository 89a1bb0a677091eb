"""Private authorities and client certificates; what is wrong with them is said in clear words."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

import understudy as u
from tests.network.conftest import Authority
from tests.network.origin import ANSWER, serving

pytestmark = pytest.mark.usefixtures("each_transport")


async def test_an_authority_of_ones_own(authority: Authority) -> None:
    async with (
        authority.serving("https") as origin,
        u.create_provider(origin.config("https", "127.0.0.1", ca_file=authority.ca_file)) as llm,
    ):
        assert (await llm.generate("hi")).text == ANSWER


async def test_a_file_is_loaded_once_for_all_entries_until_it_changes(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.pem"
    own.write_bytes(Path(authority.ca_file).read_bytes())
    loaded: list[str | None] = []
    make = ssl.create_default_context

    def counted(*, cafile: str | None = None) -> ssl.SSLContext:
        loaded.append(cafile)
        return make(cafile=cafile)

    async with authority.serving("https") as origin:
        monkeypatch.setattr(ssl, "create_default_context", counted)
        for times in (1, 1, 2):
            if times == 2:
                os.utime(own, ns=(1, 1))
            async with u.create_provider(origin.config("https", "127.0.0.1", ca_file=str(own))) as llm:
                assert (await llm.generate("hi")).text == ANSWER
            assert loaded == [str(own)] * times


async def test_the_environment_names_it(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    async with authority.serving("https") as origin, u.create_provider(origin.config("https", "127.0.0.1")) as llm:
        assert (await llm.generate("hi")).text == ANSWER


@pytest.mark.parametrize("other", [False, True], ids=["the system's", "another"])
async def test_a_server_that_another_authority_vouches_for_is_not_asked(
    authority: Authority, tmp_path: Path, *, other: bool
) -> None:
    ca_file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    more = {"ca_file": str(ca_file)} if other else {}
    async with (
        authority.serving("https") as origin,
        u.create_provider(origin.config("https", "127.0.0.1", **more)) as llm,
    ):
        with pytest.raises(u.ConnectionFailed) as caught:
            await llm.generate("hi")
    (attempt,) = caught.value.attempts
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.sent) == (u.FailureKind.TLS, False)
    assert "certificate" in attempt.failure.message
    assert "authority" in attempt.failure.message
    assert origin.heads == []


@pytest.mark.parametrize("pair", [False, True], ids=["one file", "two files"])
async def test_a_server_that_asks_for_a_client_certificate(authority: Authority, *, pair: bool) -> None:
    certificate = authority.certificate_file if pair else authority.client_file
    more = {"client_cert": certificate, "client_key": authority.key_file if pair else None}
    async with serving(authority.server(asks_for_client=True)) as origin:
        config = origin.config("https", "127.0.0.1", ca_file=authority.ca_file, **more)
        async with u.create_provider(config) as llm:
            assert (await llm.generate("hi")).text == ANSWER


async def test_a_client_certificate_that_is_missing(authority: Authority) -> None:
    async with serving(authority.server(asks_for_client=True)) as origin:
        config = origin.config("https", "127.0.0.1", ca_file=authority.ca_file)
        async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1)) as llm:
            # TLS 1.3 finishes the client's handshake first; the refusal comes as an alert or a reset afterwards.
            with pytest.raises(u.Unavailable):
                await llm.generate("hi")
    assert origin.heads == []


@pytest.fixture
def refusing(authority: Authority) -> Iterator[Callable[[ssl.SSLContext], str]]:
    """Serve nothing but handshakes, and send the alert of those that fail, which asyncio's servers do not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands(context: ssl.SSLContext) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection.dup() as beneath:  # A socket that is closed unread resets, and the alert is lost.
                        with contextlib.suppress(OSError):
                            context.wrap_socket(connection, server_side=True)
                        beneath.shutdown(socket.SHUT_WR)
                        while beneath.recv(65536):
                            pass

        def serve(context: ssl.SSLContext) -> str:
            threading.Thread(target=shake_hands, args=(context,), daemon=True).start()
            return f"https://127.0.0.1:{listener.getsockname()[1]}"

        yield serve
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("size", [2, 1_000_000], ids=["small", "large"])
@pytest.mark.parametrize("given", [False, True], ids=["missing", "of another authority"])
async def test_a_client_certificate_that_the_server_refuses_is_named(
    authority: Authority, refusing: Callable[[ssl.SSLContext], str], tmp_path: Path, size: int, *, given: bool
) -> None:
    own = tmp_path / "own.pem"
    trustme.CA().issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(own)
    config = u.ProviderConfig(
        provider="ollama",
        base_url=refusing(authority.server(asks_for_client=True)),
        text_model="m",
        ca_file=authority.ca_file,
        client_cert=str(own) if given else None,
    )
    async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1, max_retries=1)) as llm:
        with pytest.raises(u.ConnectionFailed, match="client_cert") as caught:
            await llm.generate("h" * size)
    (attempt,) = caught.value.attempts
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.sent) == (u.FailureKind.TLS, False)
    assert ("requires a client certificate" in attempt.failure.message) is not given


def files(authority: Authority, folder: Path) -> dict[str, dict[str, str]]:
    """Return entries that are wrong, by what is said of them."""
    text = folder / "words.pem"
    text.write_text("no certificate")
    other = folder / "other.key"
    trustme.CA().private_key_pem.write_to_path(other)
    locked = folder / "locked.pem"
    locked.write_text(
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
        "00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    )
    missing = str(folder / "missing.pem")
    return {
        f"ca_file {missing} cannot be read: No such file": {"ca_file": missing},
        f"ca_file {folder} cannot be read": {"ca_file": str(folder)},
        f"ca_file {text} does not contain a certificate": {"ca_file": str(text)},
        f"client_cert {missing} cannot be read": {"client_cert": missing},
        f"client_cert {text} does not contain a certificate": {"client_cert": str(text)},
        "does not contain a certificate and its key": {"client_cert": authority.certificate_file},
        f"the key in {other} does not belong": {
            "client_cert": authority.certificate_file,
            "client_key": str(other),
        },
        f"the key in {locked} is encrypted": {"client_cert": authority.certificate_file, "client_key": str(locked)},
        "client_key is set without client_cert": {"client_key": authority.key_file},
    }


async def test_wrong_files_are_named_at_load_and_at_the_first_call(authority: Authority, tmp_path: Path) -> None:
    from understudy.config import parse

    for words, entry in files(authority, tmp_path).items():
        lines = "\n".join(f'{key} = "{value}"' for key, value in entry.items())
        with pytest.raises(u.ConfigError) as at_load:
            parse(f'[[llm.providers]]\nprovider = "ollama"\n{lines}\n', source="understudy.toml", environ={})
        assert words in str(at_load.value)
        assert "understudy.toml:3: " in str(at_load.value)
        config = u.ProviderConfig(provider="ollama", base_url="https://127.0.0.1:9", **entry)  # type: ignore[arg-type]
        async with u.create_provider(config) as llm:
            with pytest.raises(u.ConnectionFailed) as at_call:
                await llm.generate("hi")
        assert words in at_call.value.message


def test_files_are_looked_for_beside_the_configuration(authority: Authority, tmp_path: Path) -> None:
    from understudy.config import load

    (tmp_path / "ca.pem").write_bytes(Path(authority.ca_file).read_bytes())
    file = tmp_path / "understudy.toml"
    file.write_text('[[llm.providers]]\nprovider = "ollama"\nca_file = "ca.pem"\n')
    (entry,) = load(file, environ={}).providers
    assert entry.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_a_variable_that_names_nothing_is_named(
    variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "missing"))
    async with authority.serving("https") as origin, u.create_provider(origin.config("https", "127.0.0.1")) as llm:
        with pytest.raises(u.ConnectionFailed, match=variable):
            await llm.generate("hi")
