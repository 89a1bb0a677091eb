"""Results as plain data: for `json.dumps`, for pydantic, and for web frameworks that serialise what is returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import msgspec

from understudy.domain.json_types import JsonObject


class Plain:
    """Gives a struct a form of dictionaries, lists, strings, numbers, booleans and `None`.

    A pydantic model may have it as a field: it is validated from an instance or from `to_dict()`'s form, and serialised
    as that form. `dict(result)` is the same dictionary, which is how FastAPI serialises what is not annotated.
    """

    __slots__ = ()

    _computed: ClassVar[tuple[str, ...]] = ()
    """Properties that the form has besides the fields."""

    def to_dict(self) -> JsonObject:
        """Return the fields and some computed values, ready for `json.dumps`.

        Omits `raw`. Enums become their values, amounts of money `nano_usd`, and `parsed` what its own type makes of
        it (pydantic models their JSON form).
        """
        computed = {name: getattr(self, name) for name in self._computed}
        fields = {name: getattr(self, name) for name in getattr(self, "__struct_fields__", ()) if name != "raw"}
        plain: JsonObject = msgspec.json.decode(msgspec.json.encode({**computed, **fields}, enc_hook=_plain))
        return plain

    @classmethod
    def from_dict(cls, plain: JsonObject) -> Self:
        """Make a result of the form that `to_dict` returns; `parsed` stays plain. Raise `ValueError` if it is not."""
        return msgspec.convert(plain, cls)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Tell pydantic how to validate and serialise a field of this type.

        https://docs.pydantic.dev/latest/concepts/types/#customizing-validation-with-__get_pydantic_core_schema__
        """
        from pydantic_core import core_schema

        made = core_schema.no_info_plain_validator_function(cls.from_dict)
        return core_schema.union_schema(
            [core_schema.is_instance_schema(cls), made],
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_dict),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> JsonObject:
        """Describe a field of this type to readers of an OpenAPI document."""
        fields = [*cls._computed, *(name for name in getattr(cls, "__struct_fields__", ()) if name != "raw")]
        return {"type": "object", "title": cls.__name__, "properties": {name: {} for name in fields}}


def _plain(value: Any) -> Any:
    """Return the JSON form of a value of a caller's own type."""
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
