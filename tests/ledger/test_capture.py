"""What is kept of prompts and answers: no secret, no media, not more than allowed; by library, command and gateway."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import sqlite3
import string
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.cli.running import CommandLine
from tests.gateway.asgi import Asgi
from understudy.domain.capture import Capture
from understudy.domain.capture_document import MARGIN, CaptureDocument
from understudy.domain.secret_forms import without_secrets
from understudy.emulator import Emulator, Fault, emulate
from understudy.gateway.application import app
from understudy.ledger import SqliteLedger
from understudy.ledger.sqlite import upkeep
from understudy.testing import FakeProvider

LETTERS = string.ascii_letters + string.digits


def token(prefix: str, length: int, alphabet: str = LETTERS) -> str:
    """Return a secret that no other text holds by chance."""
    chance = random.Random(f"{prefix}{length}")
    return prefix + "".join(chance.choice(alphabet) for _ in range(length))


FORMS = {
    "OpenAI": token("sk-proj-", 40),
    "Anthropic": token("sk-ant-api03-", 60),
    "Groq": token("gsk_", 40),
    "Hugging Face": token("hf_", 30),
    "Google": token("AIza", 35),
    "Amazon": token("AKIA", 16, string.ascii_uppercase),
    "GitHub": token("ghp_", 36),
    "GitHub, fine-grained": token("github_pat_", 60),
    "GitLab": token("glpat-", 24),
    "Slack": "xoxb-" + token("1", 11, string.digits) + token("-a", 24),
    "Stripe": token("sk_live_", 30),
    "this gateway": token("usk-", 43),
    "a web token": ".".join((token("eyJ", 30), token("eyJ", 60), token("s", 40))),
}
VALUE = token("v4lue", 12)
SENTENCES = {
    "a header": f"curl -H 'Authorization: Basic {VALUE}' x",
    "a bearer": f"it sent Bearer {VALUE}9 and got 401",
    "an address": f"postgresql://me:{VALUE}@db.example/x",
    "a query": f"https://x.example/f?a=1&X-Amz-Signature={VALUE}&b=2",
    "a variable": f"export DB_PASSWORD={VALUE}\nmake",
    "YAML": f"client_secret: {VALUE}\nname: x",
    "JSON": json.dumps({"password": f'with "quotes" {VALUE}', "user": "me"}),
    "JSON in JSON": json.dumps(json.dumps({"api_key": VALUE, "user": "me"})),
    "Python": f"api_key = '{VALUE}'",
    "a key file": f"-----BEGIN RSA PRIVATE KEY-----\n{VALUE}\n-----END RSA PRIVATE KEY-----\nafter",
    "half a key file": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{VALUE}\n",
}


@pytest.mark.parametrize("secret", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("around", ["{}", "x {} y", '"{}"', "a\\n{}\\n", "({})", "KEY={},"])
def test_well_known_forms_are_recognised(secret: str, around: str) -> None:
    clean = without_secrets(around.format(secret))
    assert secret[8:] not in clean
    assert "[redacted]" in clean


@pytest.mark.parametrize("text", SENTENCES.values(), ids=SENTENCES)
def test_values_behind_telling_names_are_recognised(text: str) -> None:
    clean = without_secrets(text)
    assert VALUE not in clean
    assert "[redacted]" in clean


@pytest.mark.parametrize(
    "text",
    [
        "A basic understanding of bearer bonds, and of token economics.",
        "max_tokens: 1024, top_p = 0.5, cache_key: abcdef",
        "The task-based strategy; desk-lamp-with-a-long-name-of-its-own",
        "https://x.example/search?q=keys&page=2",
        "def key(x): return x['key']",
    ],
)
def test_plain_prose_and_code_stay(text: str) -> None:
    assert without_secrets(text) == text


def bytes_of(path: Path) -> bytes:
    """Return everything that is on the disk of a ledger, and what its compressed documents hold."""
    files = b"".join(each.read_bytes() for each in sorted(path.parent.iterdir()) if each.is_file())
    connection = sqlite3.connect(path)
    documents = [zlib.decompress(row[0]) for row in connection.execute("SELECT document FROM captured")]
    connection.close()
    return files + b"\n".join(documents)


async def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    own, pattern = token("own-", 20), "EMP-123456"
    secrets = [*FORMS.values(), VALUE, own, pattern]
    async with Emulator(("openai",)) as emulator:
        path = tmp_path / "ledger.db"
        ledger = SqliteLedger(path, capture=Capture(redact=(r"EMP-\d{6}",), secrets=(u.Secret(own),)))
        spoken = " MARK-OF-THE-ANSWER ".join([*FORMS.values(), *SENTENCES.values(), own, pattern, emulator.key])
        emulator.answers("openai", [spoken] * 3)
        entry = u.ProviderConfig(
            provider="openai", base_url=emulator.url("openai"), api_key=emulator.key, text_model="gpt-5"
        )
        async with u.ProviderManager([entry], sink=ledger) as manager:
            login = u.ToolCall(id="1", name="login", arguments=json.dumps({"password": VALUE}))
            prompt = [
                u.Message(u.Role.SYSTEM, f"MARK-OF-THE-PROMPT {emulator.key} {own.upper()}"),
                u.Message(u.Role.USER, (u.Text(" ".join(FORMS.values())), *map(u.Text, SENTENCES.values()))),
                u.Message(u.Role.ASSISTANT, (login,)),
                u.Message.tool(u.ToolResult(call_id="1", content=f"{pattern} {emulator.key}")),
            ]
            assert VALUE in (await manager.generate(prompt)).text, "the caller gets all of it"
            async with manager.stream(prompt, labels={"team": "a"}) as stream:
                async for _ in stream:
                    pass
        ledger.flush()
        found = bytes_of(path)
        ledger.close()
        found += bytes_of(path)
    assert found.count(b"MARK-OF-THE-PROMPT") == 4
    assert b"MARK-OF-THE-ANSWER" in found
    assert emulator.key.encode() not in found
    for secret in secrets:
        assert secret.encode().lower() not in found.lower()


async def test_known_keys_of_other_entries_are_removed_too(tmp_path: Path) -> None:
    other = token("another-entry-", 20)
    ledger = SqliteLedger(tmp_path / "ledger.db", capture=Capture())
    inner = u.ProviderManager(
        [u.ProviderConfig(provider="groq", api_key=other, text_model="x")], name="inner", priority=20
    )
    async with u.ProviderManager([FakeProvider(f"It is {other}."), inner], sink=ledger) as manager:
        await manager.generate("What is the key?")
    ledger.close()
    found = bytes_of(ledger.path)
    assert other.encode() not in found
    assert b"It is [key]." in found


@pytest.mark.parametrize("most", [1_024, 4_096, 32_768])
def test_a_document_is_never_larger_than_allowed(most: int) -> None:
    chance = random.Random(most)

    def value(depth: int) -> Any:
        match chance.randrange(6 if depth else 3):
            case 0:
                return "".join(chance.choices('ab "\\\n\x01é😀\ud800', k=chance.randrange(most // 4)))
            case 1:
                return chance.choice([None, True, 1.5, 10**15, "word"])
            case 2:
                return {"name " * chance.randrange(9): 1}
            case 3:
                return [value(depth - 1) for _ in range(chance.randrange(40))]
            case _:
                return {f"{each}\n": value(depth - 1) for each in range(chance.randrange(20))}

    for _ in range(12):
        document = CaptureDocument(without_secrets, most)
        data = document.encoded({"messages": document.value(value(3)), "settings": document.value(value(2))})
        assert len(data) <= most
        decoded = json.loads(data)
        assert set(decoded) - {"cut"} == {"messages", "settings"}, "there is room for the outermost fields"
        assert decoded.get("cut", False) == document.is_cut


def test_the_newest_messages_are_kept() -> None:
    messages = [u.Message(u.Role.USER, f"message {number} " + "word " * 100) for number in range(50)]
    document = CaptureDocument(str, 4_096)
    kept = document.newest(messages)
    assert [each["content"][:10] for each in kept[-2:]] == ["message 48", "message 49"]
    assert 3 < len(kept) < 10
    assert document.is_cut


@pytest.mark.parametrize("at", [0, 500, 2_000, 2_000 + MARGIN - 20, 2_000 + MARGIN])
def test_no_secret_is_cut_in_two(at: int) -> None:
    secret = FORMS["OpenAI"]
    text = ("word " * (at // 5))[:at] + " " + secret + " " + "word " * 30_000
    document = CaptureDocument(without_secrets, 2_384)
    kept = document.value(text)
    assert secret[:20] not in kept
    assert document.is_cut


def test_long_runs_of_secrets_hide_no_half_of_one() -> None:
    """What is redacted becomes shorter, so that what lay beyond the room comes within it."""
    secrets = [token("sk-", 900) + str(number) for number in range(200)]
    document = CaptureDocument(without_secrets, 20_000)
    kept = document.value(" ".join(secrets))
    assert not re.search(r"sk-\w{4}", kept)


def test_media_are_replaced_by_what_identifies_them() -> None:
    data = random.Random(1).randbytes(5_000)
    encoded, digest = base64.b64encode(data).decode(), hashlib.sha256(data).hexdigest()
    document = CaptureDocument(str, 65_536)
    (message,) = document.newest(
        [
            u.Message(
                u.Role.USER,
                (
                    u.Image(data=encoded, media_type="image/png"),
                    u.Text(f"see data:image/jpeg;base64,{encoded} there"),
                    u.Opaque("anthropic", {"source": {"type": "base64", "data": encoded}}),
                    u.Image(url="https://x.example/a.png"),
                ),
            )
        ]
    )
    image, text, opaque, linked = message["content"]
    assert image == {"type": "image", "media_type": "image/png", "bytes": 5_000, "sha256": digest}
    assert text["text"] == f"see [image/jpeg, 5000 bytes, SHA-256 {digest}] there"
    assert opaque["json"]["source"]["data"] == f"[5000 bytes, SHA-256 {digest}]"
    assert linked["url"] == "https://x.example/a.png"


async def test_a_capture_that_fails_does_not_cost_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> str:
        raise ValueError("what people wrote")

    monkeypatch.setattr("understudy.domain.redacting.without_secrets", broken)
    ledger = SqliteLedger(tmp_path / "ledger.db", capture=Capture())
    async with u.ProviderManager([FakeProvider("Hi.")], sink=ledger) as manager:
        assert (await manager.generate("Hello")).text == "Hi."
    ledger.close()
    assert "was not captured: ValueError" in caplog.text
    assert "what people wrote" not in caplog.text


def test_pruning_overwrites_what_it_removes(tmp_path: Path) -> None:
    from tests.ledger.made import NOON, ended, start
    from understudy.ledger.captures import CapturedDocument

    path, noise = tmp_path / "ledger.db", [random.Random(each).randbytes(20_000).hex() for each in range(3)]
    ledger = SqliteLedger(path)
    for number in (1, 2):
        begun = start(number, started=NOON + number)
        ledger.record(ended(begun))
        document = msgspec.json.encode({"prompt": {"texts": [noise[number]]}, "answer": None})
        ledger.keep_captured(
            CapturedDocument(attempt_id=begun.attempt_id, request_id="x", started=NOON + number, document=document)
        )
    ledger.close()
    piece = zlib.compress(msgspec.json.encode({"prompt": {"texts": [noise[1]]}, "answer": None}), 1)[9_000:9_064]
    assert piece in path.read_bytes()
    assert upkeep.count_captured(path, NOON + 1.5) == 1
    assert upkeep.prune_captured(path, NOON + 1.5) == 1
    assert piece not in path.read_bytes()
    assert upkeep.prune(path, NOON + 10) == 2, "entries go with what was captured of them"
    assert upkeep.count_captured(path, NOON + 10) == 0


CHAT = {"model": "openai", "messages": [{"role": "user", "content": "word " * 3_000 + " MARK sk-" + "a1" * 20}]}


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_the_gateway_keeps_what_it_forwards_and_translates(tmp_path: Path, dialect: str) -> None:
    key = token("caller-", 20)
    ledger = SqliteLedger(tmp_path / "ledger.db", capture=Capture(secrets=(u.Secret(key),)))
    async with Emulator((dialect,)) as emulator:
        emulator.answers(dialect, [f"Said {key}.", f"Said {key}.", f"Said {key}."])
        entry = {"provider": dialect, "base_url": emulator.url(dialect), "api_key": emulator.key}
        gateway = app({"llm": {"providers": [entry], "gateway": {"keys": [{"name": "me", "key": key}]}}}, sink=ledger)
        caller = Asgi(gateway, {"authorization": f"Bearer {key}"})
        body = {**CHAT, "model": dialect}
        assert (await caller.post("/v1/chat/completions", body)).status == 200
        streamed = await caller.post("/v1/chat/completions", {**body, "stream": True})
        assert streamed.status == 200
        assert key in (await caller.post("/v1/messages", {**body, "max_tokens": 90})).text, "callers get all of it"
        await gateway.aclose()
    ledger.close()
    connection = sqlite3.connect(ledger.path)
    found = [json.loads(zlib.decompress(row[0])) for row in connection.execute("SELECT document FROM captured")]
    connection.close()
    assert len(found) == 3
    for each in found:
        content = each["prompt"]["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[0]["text"]
        assert text.endswith(" MARK [redacted]")
        assert each["answer"]["message"]["content"][0]["text"] == "Said [key]."
    assert key.encode() not in bytes_of(ledger.path)


def test_commands_show_and_export_them_when_asked(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    with emulate("openai") as emulator:
        emulator.answers("openai", ["red \x1b[31mink\x9b"])
        entry = f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\ntext_model = "gpt-5"\n'
        ledger = '[llm.ledger]\npath = "ledger.db"\ncapture = "all"\ncapture_redact = ["EMP-[0-9]+"]\n'
        cli.configure(f'{entry}api_key = "{emulator.key}"\n{ledger}')
        assert cli.run("ask", f"who is EMP-42, and is {emulator.key} a key?").code == 0
        emulator.script("openai", always=Fault.status(400))
        assert cli.run("ask", "again").code != 0
    failed, answered = cli.run("log", "--json").json["requests"]
    shown = cli.run("log", "show", answered["id"], "--captured")
    assert "who is [redacted], and is [key] a key?" in shown.out
    assert "red ink" in shown.out
    assert "\x1b" not in shown.out
    assert "\x9b" not in shown.out
    assert "who is" not in cli.run("log", "show", answered["id"]).out
    as_json = cli.run("log", "show", failed["id"], "--captured", "--json").json
    (captured,) = as_json["captured"].values()
    assert captured["prompt"]["messages"] == [{"role": "user", "content": "again"}]
    lines = [json.loads(line) for line in cli.run("ledger", "export", "--captured").out.splitlines()]
    assert [bool(each["captured"]) for each in lines] == [True, True]
    assert "captured" not in cli.run("ledger", "export").out
    assert "0 attempts would be removed" in cli.run("ledger", "prune", "--captured", "--dry-run").out


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('capture = "some"', "unknown value for capture"),
        ('capture_redact = ["("]', "is not a regular expression"),
        ('capture_redact = ["x*"]', "matches the empty string"),
        ("capture_max_bytes = 10", "must be between"),
        ("capture_keep_days = 0", "must be between"),
    ],
)
def test_what_is_wrong_in_the_configuration_is_said(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / "understudy.toml"
    file.write_text(f'[[llm.providers]]\nprovider = "ollama"\n[llm.ledger]\n{written}\n')
    from understudy.config import load

    with pytest.raises(u.ConfigError, match=why):
        load(file)
    fields: dict[str, Any] = {"mode": "some", "redact": ("(",), "max_bytes": 10, "keep_days": 0}
    for name, value in fields.items():
        with pytest.raises(u.ConfigError, match=name):
            Capture(**{name: value})
