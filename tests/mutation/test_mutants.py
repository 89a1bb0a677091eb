"""The mutants themselves: each is another program, and the list of equivalent ones holds no stale names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import Results, difference, equivalents
from tests.mutation.fields import field_mutants_of, modules
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.suites import SUITES, suite_of
from tests.mutation.trial import Trial

ROOT = Path(__file__).parents[2]
PATHS = [path for path in SUITES if (ROOT / path).exists()]


def changes(found: list[Mutant]) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in found}


@pytest.mark.parametrize("path", PATHS)
def test_every_mutant_is_another_program(path: str, deep: bool) -> None:
    source = (ROOT / path).read_bytes()
    found = mutants_of(ROOT, path)
    assert len(set(found)) == len(found)
    assert found or path.endswith("__init__.py")
    sound = ast.dump(ast.parse(source))
    for mutant in found if deep else found[:: max(1, len(found) // 8)]:
        assert ast.dump(ast.parse(mutant.apply(source))) != sound, mutant.name


def test_the_operators_find_what_they_are_for() -> None:
    found = changes(mutants_of(ROOT, "src/understudy/policy/budgets.py"))
    assert {
        ("times[0] <= now - WINDOW", "times[0] < now - WINDOW"),
        ("times[0] <= now - WINDOW", "times[0] > now - WINDOW"),
        ("now - WINDOW", "(now + WINDOW)"),
        ("10.0", "11.0"),
        ("10.0", "9.0"),
        ("return True", "return None"),
        ("True", "False"),
        ("self._reserve -= 1.0", "pass"),
        ("budget is None", "budget is not None"),
        ("times and times[0] <= now - WINDOW", "(times or times[0] <= now - WINDOW)"),
        ("times.popleft()", "pass"),
    } <= found
    assert ("_R.LAST", "_R.NEVER") in changes(mutants_of(ROOT, "src/understudy/policy/verdicts.py"))
    cooldowns = changes(mutants_of(ROOT, "src/understudy/policy/cooldowns.py"))
    assert ("continue", "break") in cooldowns
    assert any(before.startswith("min(") and after.startswith("max(") for before, after in cooldowns)


@pytest.mark.parametrize("path", PATHS)
def test_every_module_has_tests(path: str) -> None:
    assert suite_of(ROOT, path)


def test_every_deleted_field_makes_another_program(deep: bool) -> None:
    for path in modules(ROOT):
        source = (ROOT / path).read_bytes()
        found = field_mutants_of(ROOT, path)
        sound = ast.dump(ast.parse(source))
        for mutant in found if deep else found[:: max(1, len(found) // 4)]:
            assert ast.dump(ast.parse(mutant.apply(source))) != sound, mutant.name


def test_fields_are_deleted_wherever_an_encoder_writes_them() -> None:
    found = {
        (before.replace("\n", " "), after)
        for path in ("openai/encode.py", "openai/encode_tools.py", "cohere/wire.py", "anthropic/encode_settings.py")
        for before, after in changes(field_mutants_of(ROOT, f"src/understudy/dialects/{path}"))
    }
    assert {
        ('function["description"] = tool.description', "pass"),
        ('{"name": output.name or "answer"}', "{}"),
        ("body |= _parameters(request, endpoint, notes)", "pass"),
        ('notes.drop("metadata", "this API accepts only the user\'s id")', "pass"),
    } <= found
    assert any("Field('top_p'" in after and "Field('top_k'" not in after for _, after in found)


@pytest.mark.parametrize("path", modules(ROOT))
def test_the_tests_of_an_encoder_exist(path: str) -> None:
    suite = suite_of(ROOT, path)
    assert any("test_losses" in test for test in suite)
    assert all((ROOT / test.split("::", 1)[0]).exists() for test in suite)


def test_equivalent_mutants_exist_and_have_a_reason() -> None:
    assert equivalents()
    for each in equivalents():
        path = each.name.partition(": ")[0]
        source = (ROOT / path).read_text(encoding="utf-8").splitlines()
        of = mutants_of if path in SUITES else field_mutants_of
        assert any(each.fits(mutant, source) for mutant in of(ROOT, path)), each
        assert len(each.why) > 10


def test_a_survivor_is_shown_with_its_change() -> None:
    path = "src/understudy/policy/budgets.py"
    mutant = next(each for each in mutants_of(ROOT, path) if each.after == "11.0")
    shown = difference(mutant, (ROOT / path).read_bytes())
    assert f"{path}:{mutant.line} (constant)" in shown
    assert "-WINDOW = 10.0\n+WINDOW = 11.0" in shown


def test_only_killed_mutants_are_not_tried_again(tmp_path: Path) -> None:
    killed, survivor, other = mutants_of(ROOT, "src/understudy/policy/budgets.py")[:3]
    trials = [Trial(killed, "killed", 0.5, "tests/a.py::test_a"), Trial(survivor, "survived", 0.5)]
    for trial in trials:
        Results(tmp_path / "results").note(trial)
    assert Results(tmp_path / "results").killed([killed, survivor, other]) == trials[:1]
    assert Results(None).killed([killed]) == []
