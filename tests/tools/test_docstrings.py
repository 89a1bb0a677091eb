"""Docstrings in the styles that people write."""

from __future__ import annotations

import pytest

from understudy.client.tools.docstrings import read_docstring

GOOGLE = """Look up the weather.

    Only for cities of
    Europe.

    Args:
        city: The city, in English: "Lisbon",
            not "Lisboa".
        days (int, optional): How many days.
        *rest: Anything else.

    Returns:
        str: The weather in words.

    Raises:
        ValueError: If it is unknown.
    """

NUMPY = """Look up the weather.

    Only for cities of
    Europe.

    Parameters
    ----------
    city : str
        The city, in English: "Lisbon",
        not "Lisboa".
    days : int, optional
        How many days.
    *rest
        Anything else.

    Returns
    -------
    str
        The weather in words.
    """

SPHINX = """Look up the weather.

    Only for cities of
    Europe.

    :param city: The city, in English: "Lisbon",
        not "Lisboa".
    :type city: str
    :param int days: How many days.
    :param rest: Anything else.
    :returns: The weather in words.
    :raises ValueError: If it is unknown.
    """

EPYTEXT = """Look up the weather.

    Only for cities of
    Europe.

    @param city: The city, in English: "Lisbon",
        not "Lisboa".
    @param days: How many days.
    @param rest: Anything else.
    @return: The weather in words.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX, EPYTEXT], ids=["google", "numpy", "sphinx", "epytext"])
def test_every_style_says_the_same(text: str) -> None:
    found = read_docstring(text)
    assert found.description == "Look up the weather.\n\nOnly for cities of\nEurope."
    assert found.parameters == {
        "city": 'The city, in English: "Lisbon", not "Lisboa".',
        "days": "How many days.",
        "rest": "Anything else.",
    }


@pytest.mark.parametrize(
    ("text", "description", "parameters"),
    [
        (None, None, {}),
        ("  \n ", None, {}),
        ("One line.", "One line.", {}),
        ("Note: this is said about args: nothing.", "Note: this is said about args: nothing.", {}),
        ("Do it.\n\nNote:\n    Slow.", "Do it.\n\nNote:\n    Slow.", {}),
        ("Args:\n    x: The x.", None, {"x": "The x."}),
        ("Do.\n\nArgs:\n    x: The x.\n\nSlowly.", "Do.\n\nSlowly.", {"x": "The x."}),
        ("Do.\n\nArguments:\n  a: A.\n\n  b: B.\nReturns:\n  c: C.", "Do.", {"a": "A.", "b": "B."}),
        ("Do.\n\nArgs:\n    x (dict[str, tuple[int, ...]]): The x.", "Do.", {"x": "The x."}),
        ("Do.\n\nArgs:\n    x (Callable[(int), str]): The x.", "Do.", {"x": "The x."}),
        ("Do.\n\nParameters\n----------\nx, y : float\n    A coordinate.", "Do.", dict.fromkeys("xy", "A coordinate.")),
        ("Do.\n\nParameters\n----------\nx", "Do.", {}),
        ("Do.\n\nArgs:", "Do.", {}),
        ("Do.\n\nArgs:\n    nothing of the form", "Do.", {}),
        (":param: nameless", None, {}),
    ],
)
def test_what_is_read(text: str | None, description: str | None, parameters: dict[str, str]) -> None:
    assert read_docstring(text) == (description, parameters)
