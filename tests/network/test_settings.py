"""Addresses and proxies as they are written: what is accepted, what is refused, and what is never shown."""

from __future__ import annotations

import pickle

import pytest

import understudy as u
from understudy.config import parse
from understudy.wire.proxies import EnvironmentProxies

HOST_RULES = [
    ("*", "https://api.example.com/v1", True),
    ("example.com", "https://example.com/v1", True),
    ("example.com", "https://api.example.com/v1", True),
    (".example.com", "https://api.example.com", True),
    (".example.com", "https://example.com", True),
    ("*.example.com", "https://api.example.com", True),
    ("EXAMPLE.com", "https://Api.Example.Com.", True),
    ("example.com", "https://notexample.com", False),
    ("example.com", "https://example.com.evil.test", False),
    ("example.com:8443", "https://example.com:8443", True),
    ("example.com:8443", "https://example.com", False),
    ("example.com:443", "https://example.com", True),
    ("a.test, b.test c.test", "https://c.test", True),
    ("10.1.2.3", "https://10.1.2.3", True),
    ("10.1.2.3", "https://10.1.2.30", False),
    ("2.3", "https://10.1.2.3", False),
    ("10.0.0.0/8", "https://10.200.1.1", True),
    ("10.0.0.0/8", "https://11.0.0.1", False),
    ("10.0.0.0/8", "https://name.test", False),
    ("10.1.2.3:8443", "https://10.1.2.3", False),
    ("fd00::/8", "https://[fd12::1]", True),
    ("[fd12::1]", "https://[fd12::1]", True),
    ("fd12::1", "https://[fd12::1]:8443", True),
    ("[fd12::1]:8443", "https://[fd12::1]", False),
    ("nonsense/99", "https://name.test", False),
    ("", "https://api.example.com", False),
    # This machine is no exception, as with curl and requests.
    ("", "http://127.0.0.1:11434", False),
    ("", "https://localhost", False),
    ("localhost,127.0.0.0/8,::1", "https://localhost", True),
    ("localhost,127.0.0.0/8,::1", "https://ollama.localhost", True),
    ("localhost,127.0.0.0/8,::1", "http://127.8.9.10:11434", True),
    ("localhost,127.0.0.0/8,::1", "http://[::1]:11434", True),
]


@pytest.mark.parametrize(("no_proxy", "url", "direct"), HOST_RULES)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_is_reached_directly(name: str, no_proxy: str, url: str, *, direct: bool) -> None:
    found = EnvironmentProxies.of({"ALL_PROXY": "http://proxy.test:3128", name: no_proxy}).proxy_for(url)
    assert (found is None) is direct
    assert direct or (found is not None and found.place == "proxy.test:3128")


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"HTTP_PROXY": "http://a.test:1", "http_proxy": "http://b.test:2"}, "b.test:2"),
        ({"HTTP_PROXY": "http://a.test:1", "ALL_PROXY": "http://b.test:2"}, "a.test:1"),
        ({"HTTP_PROXY": "", "ALL_PROXY": "b.test:2"}, "b.test:2"),
        ({"HTTPS_PROXY": "http://a.test:1"}, None),
        ({"HTTP_PROXY": "http://a.test:1", "REQUEST_METHOD": "GET"}, None),
        ({"http_proxy": "http://a.test:1", "REQUEST_METHOD": "GET"}, "a.test:1"),
        ({"HTTP_PROXY": "https://a.test"}, "a.test:443"),
        ({"HTTP_PROXY": "a.test"}, "a.test:80"),
        ({"HTTP_PROXY": "http://[fd00::1]:3128/"}, "[fd00::1]:3128"),
    ],
)
def test_which_variable_counts(environment: dict[str, str], place: str | None) -> None:
    found = EnvironmentProxies.of(environment).proxy_for("http://provider.test")
    assert (found.place if found else None) == place


WRONG_PROXIES = {
    "proxy.test:3128": "proxy must begin with http:// or https://",
    "ftp://proxy.test": "proxy must begin with http:// or https://",
    "socks5h://proxy.test:1080": "proxy names a SOCKS proxy, which is not supported",
    "http://": "proxy is not a valid URL",
    "http://proxy.test:99999": "proxy is not a valid URL",
    "http://proxy.test:3128/path": "proxy must end with the port",
    "http://user:canary-4711@proxy.test:port": "proxy is not a valid URL",
    "http://user:canary/4711@proxy.test:3128": "proxy is not a valid URL",
}


@pytest.mark.parametrize("written", WRONG_PROXIES)
def test_a_wrong_proxy_is_refused_from_code_as_from_toml(written: str) -> None:
    with pytest.raises(u.ConfigError) as from_code:
        u.create_provider(u.ProviderConfig(provider="ollama", proxy=written))
    with pytest.raises(u.ConfigError) as from_toml:
        parse(f'[[llm.providers]]\nprovider = "ollama"\nproxy = "{written}"\n', source="u.toml", environ={})
    for caught in (from_code, from_toml):
        assert WRONG_PROXIES[written] in caught.value.message
        assert "canary" not in repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


@pytest.mark.parametrize("written", ["none", "None", "", " "])
def test_an_entry_may_have_no_proxy(written: str) -> None:
    u.create_provider(u.ProviderConfig(provider="ollama", proxy=written))
    parse(f'[[llm.providers]]\nprovider = "ollama"\nproxy = "{written}"\n', environ={})


def test_a_proxys_password_is_a_secret_from_the_start() -> None:
    written = "http://user:canary-4711@proxy.test:3128"
    from_toml = parse(f'[[llm.providers]]\nprovider = "ollama"\nproxy = "{written}"\n', environ={}).providers[0]
    for entry in (u.ProviderConfig(provider="ollama", proxy=written), from_toml):
        assert isinstance(entry.proxy, u.Secret)
        assert entry.proxy.reveal() == written
        assert "canary" not in repr(entry) + str(entry) + repr(u.create_provider(entry))
        with pytest.raises(TypeError):
            pickle.dumps(entry)


def test_a_transport_that_is_passed_decides_itself() -> None:
    class Silent:
        async def send(self, request: u.HttpRequest, *, connect: float) -> object: ...

        async def aclose(self) -> None: ...

    entry = u.ProviderConfig(provider="ollama", proxy="http://proxy.test:3128")
    with pytest.raises(u.ConfigError, match="transport="):
        u.create_provider(entry, transport=Silent())  # type: ignore[arg-type]


WRONG_ADDRESSES = {
    "api.openai.com": 'base_url must begin with http:// or https://: got "api.openai.com"; write one such as "https://',
    "ftp://api.openai.com": "base_url must begin with http:// or https://",
    "https://": "base_url is not a valid URL",
    "https://api.openai.com/v1?key=canary-4711": "base_url must end with the path, without ? and #",
    "https://api.openai.com/v1#canary-4711": "base_url must end with the path, without ? and #",
    "https://api.openai.com/v1?": "base_url must end with the path, without ? and #",
    "https://user:canary-4711@api.openai.com/v1": "base_url must not contain a user or password",
    "https://canary-4711@api.openai.com/v1": "base_url must not contain a user or password",
    "https://api..openai.com/v1": "base_url is not a valid URL",
    f"https://{'long' * 16}.com/v1": "base_url is not a valid URL",
}


@pytest.mark.parametrize("url", WRONG_ADDRESSES)
def test_a_wrong_address_is_refused_from_code_as_from_toml_and_from_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = WRONG_ADDRESSES[url]
    with pytest.raises(u.ConfigError) as from_code:
        u.create_provider(u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret("sk-0123456789")))
    assert words in from_code.value.message
    with pytest.raises(u.ConfigError) as from_toml:
        parse(f'[[llm.providers]]\nprovider = "openai"\napi_key = "sk-1"\nbase_url = "{url}"\n', environ={})
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    llm = u.create_provider(u.ProviderConfig(provider="openai", api_key=u.Secret("sk-0123456789"), text_model="m"))
    with pytest.raises(u.ConfigError) as from_environment:
        llm.explain("hi")
    assert "OPENAI_BASE_URL" in from_environment.value.message
    for caught in (from_code, from_toml, from_environment):
        assert words.partition(":")[0].removeprefix("base_url ") in caught.value.message
        assert "canary" not in repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


@pytest.mark.parametrize("provider", list(u.ProviderType))
@pytest.mark.parametrize(
    "url", ["http://h.test:1/?key=canary-4711", "http://h.test:1?key=canary-4711", "http://h.test/v1#"]
)
def test_no_provider_accepts_a_query_or_fragment_in_an_address(provider: str, url: str) -> None:
    with pytest.raises(u.ConfigError, match=r"without \? and #") as caught:
        u.create_provider(u.ProviderConfig(provider=provider, base_url=url, api_key=u.Secret("sk-0123456789")))
    assert "canary" not in repr(caught.value)


ADDRESSES = [
    ("ollama", "http://h.test:11434/v1", "http://h.test:11434"),
    ("ollama", "http://h.test:11434/v1/", "http://h.test:11434"),
    ("ollama", "http://h.test:11434/api", "http://h.test:11434"),
    ("ollama", "http://h.test:11434/api/chat", "http://h.test:11434"),
    ("ollama", "http://h.test:11434/v1/chat/completions", "http://h.test:11434"),
    ("ollama", "http://h.test/ollama/api", "http://h.test/ollama"),
    ("ollama", "http://h.test/api/ollama", "http://h.test/api/ollama"),
    ("openai", "https://api.openai.com", "https://api.openai.com/v1"),
    ("openai", "https://api.openai.com/v1/", "https://api.openai.com/v1"),
    ("openai", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
    ("openai", "https://api.openai.com/v1/responses", "https://api.openai.com/v1"),
    ("openai", "http://vllm.test:8000", "http://vllm.test:8000"),
    ("openai", "http://vllm.test:8000/v1/embeddings/", "http://vllm.test:8000/v1"),
    ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com"),
    ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com"),
    ("google", "https://g.test/v1beta", "https://g.test"),
    ("google", "https://g.test/v1beta/models/gemini-2.5-pro:generateContent", "https://g.test"),
    ("google", "https://g.test/v1beta/openai/", "https://g.test"),
    ("azure-openai", "https://r.openai.azure.com/openai/v1/chat/completions", "https://r.openai.azure.com/openai/v1"),
    ("groq", "https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1"),
    ("together", "https://api.together.ai/v1/chat/completions", "https://api.together.ai/v1"),
    ("replicate", "https://api.replicate.com/v1/predictions", "https://api.replicate.com"),
    ("huggingface", "https://router.huggingface.co", "https://router.huggingface.co/v1"),
    ("huggingface", "https://router.huggingface.co/v1/chat/completions", "https://router.huggingface.co/v1"),
    ("cohere", "https://api.cohere.com/v2/chat", "https://api.cohere.com"),
]


@pytest.mark.parametrize(("provider", "written", "base"), ADDRESSES)
def test_a_base_url_may_be_pasted_with_its_route(provider: str, written: str, base: str) -> None:
    config = u.ProviderConfig(provider=provider, base_url=written, api_key=u.Secret("sk-0123456789"), text_model="m")
    assert u.create_provider(config).backend.endpoint(None).base_url == base


@pytest.mark.parametrize(
    ("dialect", "written", "base"),
    [
        ("openai", "https://api.acme.test/v1/chat/completions", "https://api.acme.test/v1"),
        ("anthropic", "https://api.acme.test/v1", "https://api.acme.test"),
        ("ollama", "https://api.acme.test/api", "https://api.acme.test"),
        ("cohere", "https://api.acme.test/v2", "https://api.acme.test"),
    ],
)
def test_types_of_ones_own_follow_the_provider_of_their_wire_format(dialect: str, written: str, base: str) -> None:
    config = parse(
        f'[llm.provider_types.acme]\ndialect = "{dialect}"\nbase_url = "{written}"\nkey_required = false\n'
        '[[llm.providers]]\nprovider = "acme"\ntext_model = "m"\n',
        environ={},
    )
    (entry,) = config.providers
    assert u.create_provider(entry, row=config.row_of(entry)).backend.endpoint(None).base_url == base
