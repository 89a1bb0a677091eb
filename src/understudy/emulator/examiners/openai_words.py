"""OpenAI's wording of the errors of form: message, code and parameter, as recordings and users' reports show them."""

from __future__ import annotations

from collections.abc import Sequence

from understudy.domain.content import Json
from understudy.emulator.cast.base import Words

INVALID = "invalid_request_error"


def refuse(message: str, param: str | None = None, code: str | None = None, *, status: int = 400) -> Words:
    """Return an error about a request."""
    return Words(status, message, INVALID, code, param)


def missing(param: str) -> Words:
    """Return the error about a field that is required."""
    return refuse(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unknown(param: str) -> Words:
    """Return the error about a field that does not exist."""
    return refuse(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def wrong_type(param: str, expected: str, value: Json) -> Words:
    """Return the error about a value of the wrong JSON type; `expected` is such as `a string`."""
    message = f"Invalid type for '{param}': expected {expected}, but got {kind(value)} instead."
    return refuse(message, param, "invalid_type")


def wrong_value(param: str, value: Json, supported: Sequence[str]) -> Words:
    """Return the error about a value that is not one of those supported."""
    return refuse(f"Invalid value: '{value}'. Supported values are: {listed(supported)}.", param, "invalid_value")


def wrong_pattern(param: str, pattern: str) -> Words:
    """Return the error about a string that does not match its pattern."""
    expected = f"Expected a string that matches the pattern '{pattern}'."
    return refuse(f"Invalid '{param}': string does not match pattern. {expected}", param, "invalid_value")


def too_long(param: str, limit: int, length: int) -> Words:
    """Return the error about a string above its maximum length."""
    rest = f"Expected a string with maximum length {limit}, but got a string with length {length} instead."
    return refuse(f"Invalid '{param}': string too long. {rest}", param, "string_above_max_length")


def long_name(param: str, name: str, limit: int) -> Words:
    """Return the error about the name of a property above its maximum length."""
    shown = f"{name[:3]}...{name[-3:]}"
    rest = f"Expected a string with maximum length {limit}, but got a string with length {len(name)} instead."
    message = f"Invalid property name in '{param}': '{shown}' is too long. {rest}"
    return refuse(message, f"{param}.{name}", "property_name_above_max_length")


def empty_string(param: str) -> Words:
    """Return the error about an empty string."""
    rest = "Expected a string with minimum length 1, but got an empty string instead."
    return refuse(f"Invalid '{param}': empty string. {rest}", param, "empty_string")


def too_many(param: str, limit: int, length: int) -> Words:
    """Return the error about an array above its maximum length."""
    rest = f"Expected an array with maximum length {limit}, but got an array with length {length} instead."
    return refuse(f"Invalid '{param}': array too long. {rest}", param, "array_above_max_length")


def empty_array(param: str) -> Words:
    """Return the error about an empty array."""
    rest = "Expected an array with minimum length 1, but got an empty array instead."
    return refuse(f"Invalid '{param}': empty array. {rest}", param, "empty_array")


def out_of_range(param: str, value: float, bound: float, *, whole: bool, above: bool) -> Words:
    """Return the error about a number beyond one end of its range."""
    noun = "integer" if whole else "decimal"
    side, sign, code = ("above maximum", "<=", "above_max") if above else ("below minimum", ">=", "below_min")
    message = f"Invalid '{param}': {noun} {side} value. Expected a value {sign} {bound:g}, but got {value} instead."
    return refuse(message, param, f"{noun}_{code}_value")


def unsupported_parameter(param: str) -> Words:
    """Return the error about a parameter that the model lacks."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return refuse(message, param, "unsupported_parameter")


def unsupported_value(param: str, value: Json, supported: Sequence[str] = ()) -> Words:
    """Return the error about a value that the model lacks."""
    end = f" Supported values are: {listed(supported)}." if supported else ""
    message = f"Unsupported value: '{param}' does not support {value!r} with this model.{end}"
    return refuse(message, param, "unsupported_value")


def listed(names: Sequence[str]) -> str:
    """Return names in quotes as an English list."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def kind(value: Json) -> str:
    """Return what a JSON value is, such as `an array`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
