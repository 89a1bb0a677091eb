"""Functions of a Python file as tools: `--tool FILE.py` or `--tool FILE.py:FUNCTION`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from understudy.client.tools.function_tool import FunctionTool, is_marked
from understudy.domain.errors import LLMError, Misuse


def load_tools(places: Iterable[str]) -> list[FunctionTool[..., Any]]:
    """Return the tools that `--tool` names. Raise `Misuse` for a file or function that is none."""
    modules: dict[Path, ModuleType] = {}
    found: dict[int, FunctionTool[..., Any]] = {}
    for place in places:
        file, name = _parts(place)
        path = Path(file).resolve()
        if path not in modules:
            modules[path] = _import(path, file, f"understudy_tools_{len(modules)}")
        for function in [_function(modules[path], name, place)] if name else _functions(modules[path], place):
            found[id(function)] = FunctionTool(function)
    return list(found.values())


def _parts(place: str) -> tuple[str, str]:
    """Return the file and the function that a `--tool` names; an empty function means all of the file."""
    if place.endswith(".py"):
        return place, ""
    file, colon, name = place.rpartition(":")
    if not colon or not file.endswith(".py") or not name:
        raise Misuse(f"--tool {place}: write FILE.py or FILE.py:FUNCTION")
    return file, name


def _import(path: Path, shown: str, name: str) -> ModuleType:
    """Run a file as Python would run a script: its folder is searched for what it imports."""
    if not path.is_file():
        raise Misuse(f"--tool {shown}: No such file or directory")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Misuse(f"--tool {shown}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and annotations look their module up
    if (folder := str(path.parent)) not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except LLMError:
        raise
    except (Exception, SystemExit) as error:
        raise Misuse(f"--tool {shown}: the file raised {type(error).__name__}: {error}{_line(error, path)}") from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """Return where in the file an exception was raised."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line is not None else ""


def _function(module: ModuleType, name: str, place: str) -> Any:
    function = getattr(module, name, None)
    if not callable(function) or isinstance(function, type):
        from difflib import get_close_matches

        close = get_close_matches(name, [each.__name__ for each in _own(module)], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise Misuse(f"--tool {place}: the file has no function {name!r}{hint}")
    return function


def _functions(module: ModuleType, place: str) -> list[Any]:
    """Return the functions marked with `@tool`; if there are none, every public function that the file defines."""
    own = _own(module)
    found = [each for each in own if is_marked(each)] or own
    if not found:
        raise Misuse(f"--tool {place}: the file defines no public function")
    return found


def _own(module: ModuleType) -> list[Any]:
    return [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
