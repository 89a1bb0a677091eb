"""Responses that their provider keeps: requests that continue one, run in the background, or ask for one by its id.

Only the provider that answered has them, so such requests go to it as they are and to nobody else: another could not
know what the conversation was. Which entry that is is remembered for a while, and each response is its caller's own.
For one that is not remembered, the first entry that speaks the Responses API is asked; but if there are several
callers, it may be another one's, so nobody is asked. A conversation belongs to the first caller that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from understudy.dialects.responses.errors import bad_request
from understudy.dialects.responses.usage import decode_usage
from understudy.dialects.responses.wire import NAME
from understudy.dialects.server import BadRequest
from understudy.gateway.items import unknown
from understudy.gateway.owners import Owners, not_found
from understudy.gateway.passthrough import Passthrough
from understudy.wire.json import BadJson, decode_object
from understudy.wire.splice import SplicedObject

if TYPE_CHECKING:
    from understudy.engine.relay import Relay
    from understudy.gateway.callers import Caller
    from understudy.gateway.connection import Connection
    from understudy.gateway.recording import Notes
    from understudy.gateway.site import Site
    from understudy.policy.targets import Target

FIELDS = ("previous_response_id", "conversation", "background")
"""Fields of a request that need what its provider keeps."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_OWN_ID = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9_-]{1,256})"')
READ = 4 << 20
"""Bytes of an answer up to which its usage is read."""
_BEGINNING = 4 << 10
"""Bytes of an answer in which its id stands."""
_PATH = re.compile(r"/responses/(?P<id>[^/]+)(?P<rest>/cancel|/input_items)?$")


def kept_field(body: bytes | None) -> str | None:
    """Return the first field of a request that needs what its provider keeps; `None` if it has none of them."""
    if body is None or not any(f'"{field}"'.encode() in body for field in FIELDS):
        return None
    try:
        fields = SplicedObject(body)
        read = {name: fields.get(name) for name in ("model", *FIELDS)}
    except BadJson:
        return None  # refused where it is parsed
    return next((field for field in FIELDS if read[field]), None)


class Kept:
    """One request for what a provider keeps."""

    def __init__(self, site: Site, connection: Connection, caller: Caller, notes: Notes) -> None:
        self._site = site
        self._connection = connection
        self._caller = caller
        self._notes = notes
        self._passing = Passthrough(site, connection, caller, notes)

    async def go_on(self, body: bytes, field: str, where: str | None = None) -> None:
        """Answer a request that has one of the `FIELDS`, or refers to an item in its input. Raise `BadRequest` and
        `LLMError`. `where`: the place of an item that is not known here."""
        fields = SplicedObject(body)
        model = fields.get("model")
        if not isinstance(model, str | None):
            raise bad_request("model must be a string", param="model", code="invalid_type")
        self._notes.asked = model
        resolved = self._site.names.resolve(model, self._connection.headers)
        if (refusal := self._caller.refusal(resolved)) is not None:
            raise BadRequest(refusal)
        kept = _name_in(fields.get(field))
        claimed = field == "conversation"
        owner = None if kept is None else self._site.owners.entry_of(kept, self._caller.name, claimed=claimed)
        target = next(self._targets(resolved.models or (resolved.model,), owner), None)
        if target is None and where is not None:
            raise unknown(where)
        if target is None:
            what = f"{resolved.model or 'this gateway'!r} has no target that keeps responses"
            if owner is not None:
                what = f"what it names is kept by the entry {owner!r}, which {resolved.model!r} does not stand for"
            raise bad_request(
                f"{field} is not supported here: {what}; send the whole conversation in input",
                param=field,
                code="unsupported_parameter",
            )
        fields["model"] = self._site.manager.name_at(target)
        reading = _Reading(self._site.owners, self._caller.name, target, fields["model"])
        reading.keep(_name_in(fields.get("conversation")))
        await self._passing.hand_on(target.name, "responses", fields.to_bytes(), reading)

    async def fetch(self) -> None:
        """Answer a request for a response by its id. Raise `BadRequest` and `LLMError`."""
        found = _PATH.search(self._connection.path)
        if found is None or _ID.fullmatch(found["id"]) is None:
            raise not_found(found["id"] if found else "")
        name = found["id"]
        entry = self._site.owners.entry_of(name, self._caller.name)
        if entry is None:
            targets = (each for each in self._targets((None,), None) if self._caller.may_use(each.name))
            entry = next((each.name for each in targets), None)
        if entry is None:
            raise not_found(name)
        body = b"" if self._connection.method == "POST" else None
        await self._passing.hand_on(entry, f"responses/{name}{found['rest'] or ''}", body)

    def _targets(self, models: tuple[str | None, ...], owner: str | None) -> Iterator[Target]:
        """Yield the targets of names that speak the Responses API; only those of the owner if it is known."""
        for model in models:
            for target in self._site.manager.targets_of(model):
                if (owner or target.name) == target.name and self._site.manager.speaks(target.name, NAME):
                    yield target


class _Reading:
    """Reads the id and the usage of an answer as it passes."""

    def __init__(self, owners: Owners, caller: str, target: Target, model: str | None) -> None:
        self.model = model
        self._owners = owners
        self._whose = caller, target.name
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_noted = False

    def keep(self, name: str | None) -> None:
        """Remember what the request names."""
        self._owners.note(name, *self._whose)

    def see(self, data: bytes) -> None:
        """Look at a piece of the answer."""
        self._size += len(data)
        if self._size <= READ:
            self._pieces.append(data)
        if not self._is_noted and self._size - len(data) < _BEGINNING:
            found = _OWN_ID.search(b"".join(self._pieces))
            if found is not None:
                self._is_noted = True
                self.keep(found[1].decode())

    def account(self, relay: Relay) -> None:
        """Note the usage that the answer states, as a body or in its last event."""
        if self._size > READ:
            return
        data = b"".join(self._pieces)
        if not data.lstrip().startswith(b"{"):
            lines = [line[5:] for line in data.splitlines() if line.startswith(b"data:") and b'"usage"' in line]
            data = lines[-1] if lines else b""
        try:
            body = decode_object(data)
        except BadJson:
            return
        response = body.get("response", body)
        usage = response.get("usage") if isinstance(response, dict) else None
        if isinstance(usage, dict):
            model, tier = (_word(response.get(name)) for name in ("model", "service_tier"))
            relay.account(decode_usage(usage), model, tier)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _name_in(value: Any) -> str | None:
    """Return the id of a response or a conversation, which may stand in an object."""
    return _word(value.get("id") if isinstance(value, dict) else value)
