"""Which questions are about code: not every class, method or python is."""

from __future__ import annotations

import pytest

from understudy.policy.code import is_code


@pytest.mark.parametrize(
    "question",
    [
        "Write a function that reverses a list",
        "def f(x):\n    return x\n",
        "Fix this: TypeError: cannot read property",
        'Traceback (most recent call last):\n  File "x.py", line 3\n    foo()',
        "Schreibe eine Funktion, die eine Liste umdreht",
        "Écris une fonction qui inverse une liste",
        "Escribe una función que invierta una lista",
        "用Python写一个函数",
        "Напиши функцию на Python",
        "How do I sort a dict in Python?",
        "Implement quicksort in rust",
        "SELECT * FROM t WHERE a=1",
        "Create a bash script that renames files",
        "How to center a div in CSS",
        "git rebase fails with a conflict",
        "Can you make a React component",
        "Generate a Dockerfile",
        "Find the bug: it prints nothing",
        "if (a) {\n  b = 1;\n}\n",
        "```\nx\n```",
    ],
)
def test_questions_about_code(question: str) -> None:
    assert is_code(question)
    assert is_code(f"Hello!\n{question}")


@pytest.mark.parametrize(
    "question",
    [
        "Why is the sky blue?",
        "Explain the method of mathematical induction",
        "Explain the function of the liver",
        "Complete the class assignment about Napoleon",
        "Review the TV programs of the week",
        "Test my knowledge of world class athletes",
        "Explain how bugs eat leaves",
        "Explain how Swift wrote Gulliver",
        "Translate this: I go to class every day",
        "What does a python eat?",
        "Explain the rust on my car",
        "Write about coffee from Java",
        "Write a poem about a Ruby ring",
        "Review my script for the school play",
        "Dear Sir;\nI am fine;\nthe sea is blue;\nYours;\n",
        "Let me know.\nvar is a word of Latin.\nI return home;\nfrom there I write.",
        "Unsere Klasse fährt ans Meer: schreibe ein Gedicht",
    ],
)
def test_questions_about_other_things(question: str) -> None:
    assert not is_code(question)
