"""The Kubernetes manifests: against the API's schemas, and against what the gateway is."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE, CommandLine
from tests.deploy.files import DEPLOY, DRAIN, instructions, manifest, manifests, references
from understudy.config import load
from understudy.gateway.routes import ROUTES
from understudy.settings.gateway import GatewayConfig

POD = manifest("Deployment")["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


@pytest.mark.parametrize("name", [name for name, _ in manifests()])
def test_they_are_valid(name: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="pip install --group deploy")
    for each, document in manifests():
        if each == name:
            validator.validate(document, "1.30", strict=True)


def test_each_kind_is_there_once() -> None:
    kinds = [document["kind"] for _, document in manifests()]
    expected = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Secret", "Service"}
    assert len(kinds) == len(expected)
    assert set(kinds) == expected


def test_all_select_the_pods_of_the_deployment() -> None:
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("Service")["spec"]["selector"] == labels
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == labels


def test_probes_ask_paths_that_exist_at_a_port_that_is_open() -> None:
    patterns = {route.path for route in ROUTES}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        asked = CONTAINER[probe]["httpGet"]
        assert asked["path"] in patterns
        assert asked["port"] == CONTAINER["ports"][0]["name"]
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert CONTAINER["ports"][0]["containerPort"] == GatewayConfig().port


def test_there_is_time_to_leave_the_service_and_to_drain() -> None:
    wait = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] >= wait + DRAIN + 5


def test_the_pod_is_the_images_user_and_has_no_rights() -> None:
    user = next(value for name, value in instructions() if name == "USER")
    assert user == f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}"
    security = CONTAINER["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False


def configured(tmp_path: Path) -> Path:
    file = tmp_path / "understudy.toml"
    file.write_text(manifest("ConfigMap")["data"]["understudy.toml"], encoding="utf-8")
    return file


def test_the_configuration_is_valid_with_the_secrets_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = manifest("Secret")["stringData"]
    assert references(manifest("ConfigMap")["data"]["understudy.toml"]) == set(secrets)
    assert not any(secrets.values())  # an example has no values, or they would be used
    for name in secrets:
        monkeypatch.setenv(name, f"a-long-random-value-of-{name}")
    config = load(configured(tmp_path))
    assert config.notices == ()
    assert config.gateway.drain_timeout == DRAIN
    assert manifest("Service")["metadata"]["name"] in config.gateway.hosts


def test_what_is_written_is_on_a_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in manifest("Secret")["stringData"]:
        monkeypatch.setenv(name, f"a-long-random-value-of-{name}")
    spool = str(load(configured(tmp_path)).ledger.spool)
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert any(spool.startswith(path) for path in mounts)
    assert set(mounts.values()) == {volume["name"] for volume in POD["volumes"]}
    assert "/etc/understudy" in mounts


def test_a_changed_config_map_is_noticed(cli: CommandLine) -> None:
    """The kubelet changes a mounted ConfigMap by replacing a link to a folder, so the file's own link never changes."""
    mounted = cli.folder / "etc"
    for number, model in enumerate(("first", "second")):
        version = mounted / f"..2026_0{number}"
        version.mkdir(parents=True)
        (version / "understudy.toml").write_text(
            f'[llm]\ntext_model = "{model}"\n[llm.ledger]\nenabled = false\n', encoding="utf-8"
        )
    (mounted / "..data").symlink_to("..2026_00")
    (mounted / "understudy.toml").symlink_to("..data/understudy.toml")
    log = cli.folder / "log"
    arguments = ("--config", str(mounted / "understudy.toml"), "--port", "0", "--access-log", str(log))
    gateway = cli.start("serve", *arguments, *_options(), stdout=subprocess.PIPE)
    try:
        assert gateway.stdout is not None
        assert gateway.stdout.readline()
        (mounted / "..data_tmp").symlink_to("..2026_01")
        (mounted / "..data_tmp").replace(mounted / "..data")
        end = time.monotonic() + PATIENCE
        while "the configuration was reloaded" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        assert "nothing changed" not in log.read_text()
    finally:
        gateway.terminate()
        gateway.communicate(timeout=PATIENCE)


def _options() -> list[str]:
    """Return the options of the container, but for the address."""
    command, *options = CONTAINER["args"]
    assert command == "serve"
    return [option for option in options if option not in ("--host", "0.0.0.0")]


def test_the_readme_names_every_file() -> None:
    text = (DEPLOY / "kubernetes" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name, _ in manifests())
