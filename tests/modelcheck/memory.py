"""Snapshots of a graph of Python objects, and one number per state, without a list of what the objects are made of.

A snapshot remembers what each mutable object that can be reached holds, and restoring writes it back in place. The
code of a state holds the same values in a canonical form: times relative to now, objects by the order in which they are
found. Whatever a later version of the objects remembers is copied and compared too.
"""

from __future__ import annotations

import enum
import marshal
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, partial
from hashlib import blake2b
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

import msgspec

from tests.modelcheck.faults import Fault
from tests.modelcheck.scenes import START, Scene
from understudy.domain.failures import Failure
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Rules
from understudy.policy.targets import Limits, Target

LONG_AGO = -60.0
"""Earlier is the same as this: no rule looks back further."""

_CONSTANTS = (Failure, Fault, Scene, Limits, Plan, Random, Rules, Step, Target)
"""They never change; a target is known by its label, the others by nothing."""
_ATOMS = (bool, bytes, enum.Enum, float, int, str, type(None))
SAID = {
    "Book": {"rules", "targets"},
    "Breaker": {"why"},
    "Call": {"_last", "_rng", "_rules", "decisions"},
    "Commitment": {"_rules"},
    "Health": {"_denials", "_rng"},
    "KeyPools": {"_picks"},
    "Ledger": {"targets"},
    "Pause": {"why"},
    "Picker": {"_rng", "_rules", "denials"},
    "Retries": {"_rng", "_rules"},
    "Shown": {"_rules"},
    "Skipped": {"why"},
}
"""By class, what is only said to the reader, or never changes. It is restored, but makes no difference between states.
Fields of these names in other classes do."""
_NOTHING: set[str] = set()


def said_of(cls: type) -> set[str]:
    """Return the fields of a class, and of those it is made from, that make no difference."""
    return set[str]().union(*(SAID.get(base.__name__, _NOTHING) for base in cls.__mro__))


_SLICE = 5.0
"""Seconds by which a breaker counts outcomes: it notes the number of the slice, not a time."""


def _slices(slices: deque[list[float]], coder: Coder) -> list[Any]:
    return [[coder.now // _SLICE - each[0], *each[1:]] for each in slices]


def _uses(uses: dict[str, Any], coder: Coder) -> list[Any]:
    """Return how keys are used: of the numbers of their picks only the order matters."""
    order = sorted(use.picked for use in uses.values())
    return sorted((coder.name(key), use.in_flight, order.index(use.picked)) for key, use in uses.items())


_RELATIVE: dict[str, Callable[[Any, Coder], Any]] = {"_slices": _slices, "_uses": _uses}
_NUMBERS = frozenset({bool, int, type(None)})
_MISSING = object()


class Kind(enum.Enum):
    """How objects of a type are read and written."""

    ATOM = enum.auto()
    CONSTANT = enum.auto()
    TUPLE = enum.auto()
    LIST = enum.auto()
    SET = enum.auto()
    DICT = enum.auto()
    FROZEN = enum.auto()
    OBJECT = enum.auto()


class Shape(NamedTuple):
    """What is to be known of a type."""

    kind: Kind
    slots: tuple[str, ...] = ()
    has_dict: bool = False
    telling: tuple[str, ...] = ()
    """The slots in which states differ."""
    relative: tuple[str, ...] = ()
    """Those that are coded in a way of their own."""
    said: Collection[str] = ()
    """The names in its dictionary that make no difference."""

    def read(self, each: object) -> list[Any]:
        """Return what the telling slots of an object hold."""
        return [getattr(each, name, None) for name in self.telling]


_SHAPES: dict[type, Shape] = {}


def shape_of(cls: type) -> Shape:
    """Return how objects of a type are read and written."""
    shape = _SHAPES.get(cls)
    if shape is None:
        shape = _SHAPES[cls] = _shape_of(cls)
    return shape


def _shape_of(cls: type) -> Shape:
    for kind, bases in (
        (Kind.ATOM, (*_ATOMS, type)),
        (Kind.CONSTANT, _CONSTANTS),
        (Kind.TUPLE, (tuple, frozenset)),
        (Kind.LIST, (list, deque)),
        (Kind.SET, (set,)),
        (Kind.DICT, (dict,)),
    ):
        if issubclass(cls, bases):
            return Shape(kind)
    if issubclass(cls, msgspec.Struct):
        kind = Kind.FROZEN if cls.__struct_config__.frozen else Kind.OBJECT
        return Shape(kind, cls.__struct_fields__, telling=_telling(cls, cls.__struct_fields__))
    slots = [slot for base in cls.__mro__ for slot in getattr(base, "__slots__", ())]
    has_dict = "__dict__" in slots or any("__slots__" not in vars(base) for base in cls.__mro__[:-1])
    own = tuple(slot for slot in slots if slot not in ("__dict__", "__weakref__"))
    relative = tuple(slot for slot in own if slot in _RELATIVE)
    return Shape(Kind.OBJECT, own, has_dict, _telling(cls, own), relative, said_of(cls))


def _telling(cls: type, slots: tuple[str, ...]) -> tuple[str, ...]:
    said = said_of(cls)
    return tuple(slot for slot in slots if slot not in said and slot not in _RELATIVE)


def _fields(each: object, shape: Shape) -> Iterator[tuple[str, Any]]:
    for slot in shape.slots:
        yield slot, getattr(each, slot, _MISSING)
    if shape.has_dict:
        yield from list(vars(each).items())


# ---- snapshots ----


class Way(NamedTuple):
    """How objects of a type are kept."""

    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None] | None
    """Writes what was read; `None` if the object never changes."""
    parts: Callable[[Any], Iterable[Any]] | None = None
    """What to follow of what was read; `None` for all of it."""


class Snapshot:
    """What every mutable object held that could be reached from a root."""

    __slots__ = ("_held",)

    def __init__(self, root: object) -> None:
        self._held: list[tuple[Callable[[Any, Any], None], Any, Any]] = []
        """How each object is written, the object, and what it held."""
        hold, seen, stack = self._held.append, set[int](), [root]
        while stack:
            each = stack.pop()
            cls = type(each)
            if cls in _LEAVES or id(each) in seen:
                continue
            way = _WAYS.get(cls) or _way_of(cls)
            if way is None:
                continue
            seen.add(id(each))
            values = way.read(each)
            if way.write is not None:
                hold((way.write, each, values))
            stack.extend(values if way.parts is None else way.parts(values))

    def restore(self) -> None:
        """Let every object hold again what it held."""
        for write, each, values in self._held:
            write(each, values)


_LEAVES: set[type] = set()
"""Types of which nothing is kept."""
_WAYS: dict[type, Way] = {}


def _way_of(cls: type) -> Way | None:
    """Return how objects of a type are kept, determined once; `None` for those that are not."""
    shape = shape_of(cls)
    if shape.kind in (Kind.ATOM, Kind.CONSTANT):
        _LEAVES.add(cls)
        return None
    way = _WAYS[cls] = _make_way(cls, shape)
    return way


def _make_way(cls: type, shape: Shape) -> Way:
    match shape.kind:
        case Kind.TUPLE:
            return Way(tuple, None)
        case Kind.LIST:
            return Way(list, _write_list)
        case Kind.SET:
            return Way(list, _write_members)
        case Kind.DICT:
            # Its `update` would go through a `__setitem__` of its own, which drops what was written longest ago.
            ordered = issubclass(cls, OrderedDict)
            return Way(_pairs, _write_in_order if ordered else _write_members, _values_of)
        case _ if shape.has_dict:
            return Way(partial(_read_fields, shape), _write_fields, _values_of)
        case Kind.FROZEN:
            return Way(_reader(shape.slots), None)
        case _:
            return Way(_reader(shape.slots), _writer(shape.slots))


def _reader(slots: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*slots)
    return get if len(slots) > 1 else lambda each: (get(each),)


def _writer(slots: tuple[str, ...]) -> Callable[[Any, Any], None]:
    """Return a function that writes all slots of an object: compiled, because most of the time is spent here."""
    places = "".join(f"each.{slot}, " for slot in slots)
    made: dict[str, Callable[[Any, Any], None]] = {}
    exec(f"def write(each, values):\n    {places}= values", made)
    return made["write"]


def _pairs(each: Mapping[Any, Any]) -> Collection[tuple[Any, Any]]:
    return list(each.items()) if each else ()


def _values_of(pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
    return [value for _, value in pairs]


def _write_list(each: Any, values: list[Any]) -> None:
    each.clear()
    each.extend(values)


def _write_members(each: Any, values: Collection[Any]) -> None:
    if each:
        each.clear()
    if values:
        each.update(values)


def _write_in_order(each: OrderedDict[Any, Any], pairs: Iterable[tuple[Any, Any]]) -> None:
    if each:
        each.clear()
    for key, value in pairs:
        OrderedDict.__setitem__(each, key, value)


def _read_fields(shape: Shape, each: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in _fields(each, shape) if value is not _MISSING]


def _write_fields(each: Any, values: list[tuple[str, Any]]) -> None:
    vars(each).clear()
    for name, value in values:
        setattr(each, name, value)


# ---- codes ----


class Coder:
    """Writes one state in canonical form: a flat list of numbers and strings, with the length before each group."""

    def __init__(self, now: float, renamed: Mapping[str, str] | None = None) -> None:
        """`renamed`: names to write in place of others, for what is symmetric."""
        self.now = now
        self._renamed = renamed or {}
        self._seen: dict[int, int] = {}
        self._out: list[Any] = []

    def digest(self, root: object) -> bytes:
        """Return a short code of everything that can be reached."""
        self.code(root)
        return blake2b(marshal.dumps(self._out, 2), digest_size=10).digest()

    def code(self, each: Any) -> None:
        """Write one value."""
        cls = type(each)
        if cls is str:
            self._out.append(self.name(each))
        elif cls in _NUMBERS:
            self._out.append(each)
        elif cls is float:
            near = START / 2 < each < START * 2
            self._out.append(max(LONG_AGO, round(each - self.now, 6)) if near else each)
        else:
            shape = _SHAPES.get(cls) or shape_of(cls)
            self._complex(each, shape, shape.kind)

    def name(self, name: str) -> str:
        """Return what is written for a name."""
        return self._renamed.get(name, name)

    def _complex(self, each: Any, shape: Shape, kind: Kind) -> None:
        if kind is Kind.ATOM:
            self._out.append(str(each))
        elif kind is Kind.CONSTANT:
            self._constant(each)
        elif kind is Kind.TUPLE:
            self._group(each)
        elif (number := self._seen.get(id(each))) is not None:
            self._out.append(("seen", number))
        else:
            self._seen[id(each)] = len(self._seen)
            if kind is Kind.FROZEN or kind is Kind.OBJECT:
                self._fields(each, shape)
            else:
                self._container(each, kind)

    def _constant(self, each: Any) -> None:
        if type(each) is Target:
            self._out.append(each.label)
            if each.credentials:
                self.code(each.credential)
        else:
            self._out.append(None)

    def _group(self, parts: Collection[Any]) -> None:
        self._out.append(len(parts))
        for part in parts:
            self.code(part)

    def _container(self, each: Any, kind: Kind) -> None:
        if kind is Kind.LIST:
            self._group(each)
        elif kind is Kind.SET:
            self._out.append(sorted(str(self.name(part)) for part in each))
        else:
            sortable = len(each) > 1 and all(type(key) is str for key in each)
            keys = sorted(each, key=self.name) if sortable else list(each)
            self._out.append(len(keys))
            for key in keys:
                self.code(key)
                self.code(each[key])

    def _fields(self, each: Any, shape: Shape) -> None:
        out, code = self._out, self.code
        for value in shape.read(each):
            if type(value) in _NUMBERS:
                out.append(value)
            else:
                code(value)
        if shape.has_dict:
            for name, value in vars(each).items():
                if name not in shape.said:
                    code(value)
        for name in shape.relative:
            out.append(_RELATIVE[name](getattr(each, name), self))


def times_after(root: object, now: float) -> list[float]:
    """Return every time after now that anything reachable holds: when what is known changes by itself."""
    found: list[float] = []
    seen: set[int] = set()
    stack: list[Any] = [root]
    while stack:
        each = stack.pop()
        if type(each) is float:
            if now < each < START * 2:
                found.append(each)
            continue
        shape = shape_of(type(each))
        if shape.kind in (Kind.ATOM, Kind.CONSTANT) or id(each) in seen:
            continue
        seen.add(id(each))
        if shape.kind is Kind.DICT:
            stack.extend(each.values())
        elif shape.kind in (Kind.TUPLE, Kind.LIST, Kind.SET):
            stack.extend(each)
        else:
            stack.extend(value for _, value in _fields(each, shape))
    return found


@cache
def renamings(targets: tuple[Target, ...]) -> tuple[dict[str, str], ...]:
    """Return what names become if the keys of a pool change places: states that differ in that alone are one."""
    pools = [target for target in targets if target.credentials]
    if not pools:
        return ()
    one, other = pools[0].credentials
    names = ["", *(f"{target.label} " for target in pools)]
    return ({f"{name}{key}": f"{name}{twin}" for name in names for key, twin in ((one, other), (other, one))},)
