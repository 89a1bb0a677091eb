"""Random types for structured answers and tools: pydantic models, dataclasses, typed dictionaries, and bare schemas."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
import os
import random
import uuid
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

import pydantic
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str = Field(min_length=1, max_length=40, pattern=r"^\w+$")


class Tree(BaseModel):
    """A tree."""

    value: int
    children: list[Tree] = []


class Box(BaseModel, Generic[T]):
    content: T
    label: str | None = None


class Open(BaseModel, extra="allow"):
    name: str


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Address(TypedDict):
    street: str
    number: int | None


Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]  # noqa: UP007

FIELDS: tuple[Any, ...] = (
    str,
    int,
    float,
    bool,
    Any,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.datetime,
    datetime.timedelta,
    uuid.UUID,
    pydantic.HttpUrl,
    Colour,
    Level,
    Literal["a", 1, None],
    Optional[str],  # noqa: UP045
    list[str],
    list[Any],
    set[int],
    frozenset[str],
    tuple[int, str],
    tuple[int, ...],
    dict[str, int],
    dict[str, Any],
    list[dict[str, list[int]]],
    Cat,
    Pet,
    list[Pet],
    Tree,
    Box[int],
    Box[list[Cat]],
    Open,
    Point,
    Address,
    Union[int, str, None],  # noqa: UP007
    Union[Cat, Dog, str],  # noqa: UP007
    Annotated[int, Field(ge=0, lt=100, multiple_of=5)],
    Annotated[str, Field(min_length=1, max_length=10)],
    Annotated[str, Field(pattern=r"^[A-Z]{2}\d+$")],
    Annotated[list[int], Field(min_length=1, max_length=3)],
    Annotated[float, Field(gt=0, description="metres")],
    Annotated[str, Field(description="a city", examples=["Paris"], title="City")],
)
ALIASES = ("name", "city", "unit", "items_", "ünï", "a b", "type", "properties", "id", "value")
POOL = int(os.environ.get("UNDERSTUDY_SENDING", "0")) or 150
"""How many different models there are; making one takes milliseconds."""


@functools.cache
def model(number: int) -> type[BaseModel]:
    """Return a pydantic model of up to five fields, some with a default: always the same for a number."""
    chance = random.Random(number)
    fields: dict[str, Any] = {}
    for position in range(chance.randint(0, 5)):
        hint, alias = chance.choice(FIELDS), f"{chance.choice(ALIASES)}{position}"
        if chance.random() < 0.5:
            fields[f"f{position}"] = (hint, Field(alias=alias))
        else:
            fields[f"f{position}"] = (Optional[hint], Field(default=None, alias=alias))  # noqa: UP045 - made at run time
    name = chance.choice(("Answer", "Räksmörgås", "A" * 80))
    return pydantic.create_model(name, **fields)


models = st.integers(0, POOL).map(model)

SCHEMAS: tuple[dict[str, Any], ...] = (
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"properties": {"a": {"type": "string"}}},
    {"type": "object", "properties": {"a": True, "b": {}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": ["string", "null"], "format": "email"}}},
    {"type": "object", "properties": {"a": {"const": 5}, "b": {"enum": ["x", ""]}}},
    {"type": "object", "properties": {"a": {"not": {"type": "string"}}}},
    {"type": "object", "patternProperties": {"^a": {"type": "integer"}}},
    {"type": "object", "properties": {"a": {"type": "array"}}, "minProperties": 1},
    {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string", "minLength": 2}}},
    {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}}},
    {
        "anyOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            {"type": "object", "properties": {"b": {"type": "integer"}}},
        ]
    },
    {"type": "object", "properties": {"a": {"if": {"type": "string"}, "then": {"minLength": 1}}}},
    {
        "type": "object",
        "properties": {
            "a": {"allOf": [{"type": "object", "properties": {"x": {"type": "integer"}}}, {"description": "y"}]}
        },
    },
    {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [{"type": "integer"}], "items": False}}},
    {"type": "object", "properties": {"a": {"type": "string", "default": "x", "examples": ["y"], "deprecated": True}}},
)
schemas = st.one_of(models.map(lambda made: made.model_json_schema()), st.sampled_from(SCHEMAS))
roots: st.SearchStrategy[Any] = st.one_of(
    models,
    models,
    st.sampled_from((Point, Address, list[Cat], Tree, Box[int], dict[str, int], int, Colour)),
    st.sampled_from(SCHEMAS),
)
"""What a caller gives as `schema=`."""
