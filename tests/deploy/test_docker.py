"""The image and the compose file: no daemon runs them here, so what they say is held to what is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, CommandLine
from tests.deploy.files import DEPLOY, DRAIN, REPOSITORY, compose, instructions, references, variables
from understudy.config import load
from understudy.domain.secret import Secret
from understudy.gateway.routes import ROUTES
from understudy.settings.gateway import GatewayConfig

COMPOSE = DEPLOY / "compose"
CONFIGURATION = COMPOSE / "config" / "understudy.toml"


def of(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def test_all_stages_have_the_same_pinned_base() -> None:
    bases = {value.split()[0] for value in of("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:\d+\.\d+-slim-\w+", bases.pop())


def test_what_it_copies_is_there_and_not_ignored() -> None:
    allowed = {
        line[1:]
        for line in (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [word for value in of("COPY") if not value.startswith("--from") for word in value.split()[:-1]]
    assert copied
    assert set(copied) == allowed
    assert all((REPOSITORY / name).exists() for name in copied)


def test_what_the_build_needs_of_the_project_is_copied() -> None:
    """Hatchling reads the files that the project names, and fails without them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    copied = {word for value in of("COPY") for word in value.split()}
    assert {project["readme"], *project["license-files"]} <= copied
    extras = re.search(r'"\.\[([a-z,]+)\]"', " ".join(of("RUN")))
    assert extras
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])
    assert {"gateway", "otel", "postgres", "valkey"} <= set(extras[1].split(",")), "what a configuration may name"


def test_its_bytecode_is_valid_whatever_the_times_of_files_are(tmp_path: Path) -> None:
    """Builders round the time of a file, and bytecode that names another time is compiled again at each start."""
    assert "pip install --no-compile" in " ".join(of("RUN"))
    commands = [value for value in of("RUN") if "compileall" in value]
    assert {command.split()[-1] for command in commands} == {"/opt/understudy/lib", "/usr/local/lib"}
    for number, command in enumerate(commands):
        module = tmp_path / str(number) / "module.py"
        module.parent.mkdir()
        module.write_text("x = 1\n")
        _, *words = shlex.split(command)
        words[-1] = str(module.parent)
        subprocess.run([sys.executable, *words], timeout=PATIENCE, check=True)
        os.utime(module, (1, 1))
        (compiled,) = module.parent.glob("__pycache__/*.pyc")
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"  # PEP 552: by hash, and not compared when it is loaded


def test_what_was_stripped_is_loaded_when_it_is_built() -> None:
    """A library that `strip` damaged would otherwise be noticed when it is used."""
    (strip,) = [value for value in of("RUN") if "strip " in value]
    code = re.search(r'-c "import ([^"]+)"', strip)
    assert code
    subprocess.run([sys.executable, "-c", f"import {code[1]}"], timeout=PATIENCE, check=True)
    loaded = {name.strip().split(".")[0] for name in code[1].split(",")}
    assert loaded >= {"aiohttp", "asyncpg", "cryptography", "jsonschema_rs", "redis", "uvloop", "zstandard"}


def test_it_runs_as_a_user_with_a_number_and_without_a_shell() -> None:
    user = of("USER")[-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)  # Kubernetes' runAsNonRoot needs a number
    assert f"--uid {user.split(':')[0]} " in " ".join(of("RUN"))
    assert json.loads(of("ENTRYPOINT")[-1]) == ["understudy"]  # so that signals reach it, and not a shell
    assert json.loads(of("CMD")[-1])[0] == "serve"


def test_its_port_is_the_gateways() -> None:
    assert of("EXPOSE") == [str(GatewayConfig().port)]


def health_command() -> list[str]:
    _, _, command = of("HEALTHCHECK")[-1].partition("CMD ")
    words: list[str] = json.loads(command)
    return words


def test_its_health_check_asks_a_path_that_exists() -> None:
    path = re.search(r"8484(/[a-z/]+)", health_command()[-1])
    assert path
    assert path[1] in {route.path for route in ROUTES}


def test_its_health_check_fails_without_a_gateway_and_passes_with_one(cli: CommandLine) -> None:
    cli.configure("[llm]\n[llm.ledger]\nenabled = false\n")
    with subprocess.Popen(
        [sys.executable, "-m", "understudy", "serve", "--port", "0"],
        cwd=cli.folder,
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as gateway:
        try:
            assert gateway.stdout is not None
            port = re.search(rb"127\.0\.0\.1:(\d+)", gateway.stdout.readline())
            assert port
            command = [word.replace("8484", port[1].decode()) for word in health_command()[1:]]
            assert subprocess.run([sys.executable, *command], timeout=PATIENCE, check=False).returncode == 0
        finally:
            gateway.terminate()
    failed = subprocess.run([sys.executable, *command], timeout=PATIENCE, check=False, capture_output=True)
    assert failed.returncode != 0


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def test_all_images_are_pinned() -> None:
    images = {service["image"] for name, service in services().items() if name != "understudy"}
    assert all(re.search(r":v?\d+(\.\d+)*(-\w+)?$", image) for image in images), images


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_it_waits_for_has_a_health_check_and_is_restarted() -> None:
    for service in services().values():
        assert service["restart"] == "unless-stopped"
        for name, on in service.get("depends_on", {}).items():
            assert on["condition"] == "service_healthy"
            assert "healthcheck" in services()[name] or "build" in services()[name]  # the image has one


def test_it_has_time_to_drain_and_nothing_to_write_to() -> None:
    gateway = services()["understudy"]
    assert int(gateway["stop_grace_period"].removesuffix("s")) > DRAIN
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]


def test_without_capabilities_no_image_begins_as_root() -> None:
    """The start of an image that begins as root becomes another user, which takes a capability."""
    (own,) = [value for name, value in instructions() if name == "USER"]
    for name, service in services().items():
        if service.get("cap_drop") == ["ALL"]:
            user = own if name == "understudy" else service.get("user", "")
            assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name


def test_the_configuration_is_mounted_as_a_folder() -> None:
    """A container keeps a mounted file when another takes its name, as editors do: a reload would read the old one."""
    gateway = services()["understudy"]["volumes"]
    readme = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert CONFIGURATION.exists()
    assert [each for each in gateway if "/etc/understudy" in each] == ["./config:/etc/understudy:ro"]
    assert re.findall(r"--volume (\S+:/etc/understudy\S*)", readme) == ["./config:/etc/understudy:ro"]


def test_every_file_that_it_mounts_is_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    assert len(mounted) >= 6
    assert all((COMPOSE / path).exists() for path in mounted), mounted


def test_every_secret_and_volume_is_declared_and_used() -> None:
    declared, whole = compose(), services().values()
    secrets = {
        each if isinstance(each, str) else each["source"] for service in whole for each in service.get("secrets", ())
    }
    assert secrets == set(declared["secrets"])
    named = {
        volume.split(":")[0]
        for service in whole
        for volume in service.get("volumes", ())
        if not volume.startswith((".", "/"))
    }
    assert named == set(declared["volumes"])


def test_the_example_of_secrets_names_what_the_configuration_refers_to() -> None:
    names = set(variables((COMPOSE / "secrets.env.example").read_text()))
    assert references(CONFIGURATION.read_text()) == names


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A copy of the folder in which `make-secrets` was run."""
    for path in (COMPOSE / "make-secrets", COMPOSE / "secrets.env.example", CONFIGURATION):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "make-secrets").chmod(0o755)
    result = subprocess.run([tmp_path / "make-secrets"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert "key of the console" in result.stdout
    return tmp_path


def test_secrets_are_made_once_and_for_their_owner_alone(made: Path) -> None:
    before = (made / "secrets.env").read_bytes()
    again = subprocess.run([made / "make-secrets"], capture_output=True, timeout=PATIENCE, check=False)
    assert again.returncode != 0
    assert (made / "secrets.env").read_bytes() == before
    assert stat.S_IMODE((made / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "secrets").stat().st_mode) == 0o700
    assert {path.name for path in (made / "secrets").iterdir()} == set(compose()["secrets"])


def test_secrets_are_all_different_and_agree_where_they_must(made: Path) -> None:
    values = variables((made / "secrets.env").read_text())
    random = [value for value in values.values() if value]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in random)
    assert len(set(random)) == len(random) == 6
    assert (made / "secrets" / "postgres-password").read_text() == values["LEDGER_PASSWORD"]
    assert (made / "secrets" / "prometheus-key").read_text() == values["PROMETHEUS_KEY"]


def test_the_configuration_is_valid_with_these_secrets(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables((made / "secrets.env").read_text()).items():
        monkeypatch.setenv(name, value or "sk-a-key-of-a-provider")
    config = load(made / "understudy.toml")
    assert config.notices == ()
    assert config.console.keys[0].scope == "manage"
    assert config.gateway.drain_timeout == DRAIN
    assert services()["understudy"]["env_file"] == "secrets.env"
    assert isinstance(config.ledger.url, Secret)
    assert os.environ["LEDGER_PASSWORD"] in config.ledger.url.reveal()


def test_prometheus_finds_its_key_and_the_gateway() -> None:
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    assert services()["prometheus"]["secrets"] == [
        {"source": "prometheus-key", "target": "/etc/prometheus/understudy-key"}
    ]
    assert "credentials_file: /etc/prometheus/understudy-key" in text
    assert f'targets: ["understudy:{GatewayConfig().port}"]' in text
    assert '"understudy"' in CONFIGURATION.read_text()  # one of hosts, or it would be refused
