"""Sealed values: open for the caller they were sealed for, and for nobody else."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.secret import Secret
from understudy.gateway.sealing import CannotOpen, Purpose, Sealer, Seals, is_sealed

SECRET = Secret("secret-0123456789abcdef0123456789abcdef")
OTHER = Secret("other-secret-0123456789abcdef01234567")
SEALS = Seals([SECRET])
ALICE = SEALS.of("alice")
PURPOSES: list[Purpose] = ["thinking", "reasoning", "compaction"]


@given(st.binary(max_size=2000), st.sampled_from(PURPOSES), st.text(max_size=20))
def test_what_is_sealed_opens_again(value: bytes, purpose: Purpose, caller: str) -> None:
    sealed = SEALS.of(caller).seal(value, purpose)
    assert is_sealed(sealed)
    # Another worker with the same secret opens it.
    assert Seals([SECRET]).of(caller).open(sealed, purpose) == value


@pytest.mark.parametrize(
    ("sealer", "purpose"),
    [
        (SEALS.of("bob"), "thinking"),
        (SEALS.of(""), "thinking"),
        (ALICE, "compaction"),
        (Seals([OTHER]).of("alice"), "thinking"),
        (Seals().of("alice"), "thinking"),
    ],
)
def test_it_opens_for_nobody_else_and_for_nothing_else(sealer: Sealer, purpose: Purpose) -> None:
    sealed = ALICE.seal(b"my thoughts", "thinking")
    with pytest.raises(CannotOpen, match="another caller"):
        sealer.open(sealed, purpose)


def test_callers_and_purposes_do_not_run_together() -> None:
    sealed = SEALS.of('a","thinking').seal(b"x", "reasoning")
    for caller in ("a", 'a","', "reasoning"):
        for purpose in PURPOSES:
            with pytest.raises(CannotOpen):
                SEALS.of(caller).open(sealed, purpose)


def test_a_secret_can_be_replaced() -> None:
    old = Seals([OTHER]).of("alice").seal(b"x", "thinking")
    both = Seals([SECRET, OTHER]).of("alice")
    assert both.open(old, "thinking") == b"x"
    assert ALICE.open(both.seal(b"y", "thinking"), "thinking") == b"y"


def test_without_a_secret_each_process_has_its_own() -> None:
    seals = Seals()
    sealed = seals.of("").seal(b"x", "thinking")
    assert seals.of("").open(sealed, "thinking") == b"x"
    with pytest.raises(CannotOpen):
        Seals().of("").open(sealed, "thinking")


def test_it_survives_clients_that_decode_and_encode_it() -> None:
    for size in range(40):
        value = random.Random(size).randbytes(size)
        sealed = ALICE.seal(value, "thinking")
        for form in (
            base64.b64encode(base64.urlsafe_b64decode(sealed)).decode(),
            sealed.rstrip("="),
            # Google's SDK holds signatures as bytes.
            json.loads(types.Part.model_validate_json(json.dumps({"thoughtSignature": sealed})).model_dump_json())[
                "thought_signature"
            ],
        ):
            assert is_sealed(form)
            assert ALICE.open(form, "thinking") == value


def test_the_form_that_is_documented() -> None:
    """Opened by hand, so that workers of different versions agree."""
    sealed = ALICE.seal(b"plain", "reasoning")
    data = base64.urlsafe_b64decode(sealed)
    info = b'["understudy gateway seal 1","reasoning","alice"]'
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(SECRET.reveal().encode())
    assert sealed[:12] == "understudy1p"
    assert AESGCM(key).decrypt(data[9:21], data[21:], data[:9]) == b"plain"


def test_no_two_seals_are_equal_and_none_shows_its_content() -> None:
    value = b"a secret thought"
    sealed = {ALICE.seal(value, "thinking") for _ in range(100)}
    assert len(sealed) == 100
    assert not any(value in base64.urlsafe_b64decode(each) for each in sealed)


def test_long_values_are_compressed() -> None:
    thought = json.dumps([{"text": f"Let me think about step {n} of the plan."} for n in range(500)]).encode()
    assert len(ALICE.seal(thought, "thinking")) < len(thought) / 4
    noise = random.Random(0).randbytes(10_000)
    assert len(ALICE.seal(noise, "thinking")) < len(noise) * 4 / 3 + 60


@pytest.mark.parametrize("at", range(0, 120, 3))
def test_a_changed_value_does_not_open(at: int) -> None:
    sealed = ALICE.seal(b"x" * 60, "thinking")
    at %= len(sealed)
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
    if base64.urlsafe_b64decode(changed) != base64.urlsafe_b64decode(sealed):  # unused bits of the last character
        with pytest.raises(CannotOpen):
            ALICE.open(changed, "thinking")


@pytest.mark.parametrize(
    "text",
    ["", "understudy1", "understudy1p", "understudy1z", "understudy1x" + "A" * 40, "understudy1p" + "A" * 15,
     "understudy1p" + "A" * 37, "understudy1p" + "\xe9" * 40, "understudy1p====", "understudy1p" + "A" * 10 + "\n" * 4,
     "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds", "gAAAAABoISQ24OyVRYbk"],
)  # fmt: skip
def test_nothing_else_opens(text: str) -> None:
    with pytest.raises(CannotOpen):
        ALICE.open(text, "thinking")


def test_the_form_of_a_value_is_sealed_too() -> None:
    with pytest.raises(CannotOpen):
        ALICE.open(ALICE.seal(b"x", "thinking").replace("understudy1p", "understudy1z"), "thinking")


@given(st.text(max_size=100), st.text("understudy1pzAB+/=-_\n", max_size=100), st.integers(0, 100))
def test_opening_never_raises_anything_else(text: str, more: str, cut: int) -> None:
    sealed = ALICE.seal(text.encode("utf-8", "replace"), "thinking")
    for form in (text, more, "understudy1p" + more, sealed[:cut] + more, sealed[:cut] + more + sealed[cut:]):
        with suppress(CannotOpen):
            ALICE.open(form, "thinking")


def test_json() -> None:
    value = {"a": [1, 2.5, None, "\u00e9"], "b": {"c": True}}
    assert ALICE.open_json(ALICE.seal_json(value, "compaction"), "compaction") == value
    for other in (b"", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(CannotOpen, match="not JSON"):
            ALICE.open_json(ALICE.seal(other, "compaction"), "compaction")
