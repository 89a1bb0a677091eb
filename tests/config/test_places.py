from __future__ import annotations

from pathlib import Path

import pytest

from understudy.config import ConfigError, locate
from understudy.config.discovery import user_folder


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def _user_file(home: Path) -> Path:
    folder = user_folder({}, home)
    assert folder is not None
    return _write(folder / "understudy.toml")


def test_order_of_places(tmp_path: Path) -> None:
    cwd, home = tmp_path / "cwd", tmp_path / "home"
    cwd.mkdir()
    environ: dict[str, str] = {}
    assert locate(None, environ, cwd, home) is None
    in_home = _user_file(home)
    assert locate(None, environ, cwd, home) == in_home
    here = _write(cwd / "understudy.toml")
    assert locate(None, environ, cwd, home) == here
    environ["UNDERSTUDY_CONFIG"] = str(_write(tmp_path / "named.toml"))
    assert locate(None, environ, cwd, home) == tmp_path / "named.toml"
    asked = _write(tmp_path / "asked.toml")
    assert locate(asked, environ, cwd, home) == asked
    assert locate("../asked.toml", environ, cwd, home) == cwd / "../asked.toml"


def test_what_was_asked_for_is_not_replaced(tmp_path: Path) -> None:
    _write(tmp_path / "understudy.toml")
    with pytest.raises(ConfigError, match=r"there is no configuration file .*gone\.toml\n  correct"):
        locate("gone.toml", {}, tmp_path, None)
    with pytest.raises(ConfigError, match=r"gone\.toml \(from UNDERSTUDY_CONFIG\)"):
        locate(None, {"UNDERSTUDY_CONFIG": "gone.toml"}, tmp_path, None)


def test_folder_instead_of_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a folder\n  did you mean .*understudy\.toml\?"):
        locate(tmp_path, {}, tmp_path, None)
    (tmp_path / "understudy.toml").mkdir()
    assert locate(None, {}, tmp_path, None) is None


def test_empty_variable_does_not_count(tmp_path: Path) -> None:
    assert locate(None, {"UNDERSTUDY_CONFIG": ""}, tmp_path, None) is None


def test_home_sign(tmp_path: Path) -> None:
    file = _write(tmp_path / "home" / "c.toml")
    assert locate(None, {"UNDERSTUDY_CONFIG": "~/c.toml"}, tmp_path, tmp_path / "home") == file


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/home/me/.config/understudy"),
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x/understudy"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, "/home/me/.config/understudy"),
        ("darwin", {"XDG_CONFIG_HOME": "/x"}, "/home/me/Library/Application Support/understudy"),
        ("win32", {"APPDATA": "/data"}, "/data/understudy"),
        ("win32", {}, "/home/me/AppData/Roaming/understudy"),
    ],
)
def test_user_folder(platform: str, environ: dict[str, str], expected: str) -> None:
    assert user_folder(environ, Path("/home/me"), platform) == Path(expected)


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_no_home(platform: str, tmp_path: Path) -> None:
    assert user_folder({}, None, platform) is None
