"""What deploy/ says fits the project: its commands are Parley's, its files are there, its ports, folders and times are
those of the server. (Docker and Kubernetes themselves are not asked.)"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ui import cli
from ui.api.server import GRACE_SECONDS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
KUBERNETES = {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))}
POD = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def commands() -> Iterator[list[str]]:
    """Every call of `parley` in deploy/: those that start a service, and those of the comments."""
    yield from (service["command"] for service in COMPOSE["services"].values())
    yield CONTAINER["args"]
    for said in re.findall(r"^ +# Behind TLS: (\[.*\])$", (DEPLOY / "compose.yaml").read_text("utf-8"), re.MULTILINE):
        yield yaml.safe_load(said)
    yield yaml.safe_load(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    for path in DEPLOY.iterdir():
        for said in re.findall(r"^#.* (parley (?:models|keys|accounts) .*)$", path.read_text("utf-8"), re.MULTILINE):
            yield shlex.split(said)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_commands_are_ones_that_parley_has(words: list[str]) -> None:
    assert words[0] == "parley"
    name, rest = words[1], words[2:]
    own = cli.SUBCOMMANDS.get(name)
    command: Any = typer.main.get_command(import_module(own.module).app if own else cli.app)
    if own is None:
        command = command.commands[name]
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(name, rest)  # raises for an option or a word that it does not have


def test_what_the_image_copies_and_installs_is_there() -> None:
    copied = [word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert copied and all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied)
    extras = [word for said in re.findall(r"EXTRAS=([\w,]+)", DOCKERFILE) for word in said.split(",")]
    assert set(extras) <= project["project"]["optional-dependencies"].keys()


def test_the_volume_is_where_parley_keeps_its_things() -> None:
    home = re.search(r"PARLEY_HOME=(\S+)", DOCKERFILE)
    assert home and f"VOLUME {home[1]}" in DOCKERFILE
    assert all(service["volumes"] == [f"parley:{home[1]}"] for service in COMPOSE["services"].values())
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts == {"data": home[1], "tmp": "/tmp"} and {each["name"] for each in POD["volumes"]} == mounts.keys()
    (volume,) = (each for each in POD["volumes"] if "persistentVolumeClaim" in each)
    assert volume["persistentVolumeClaim"]["claimName"] == KUBERNETES["PersistentVolumeClaim"]["metadata"]["name"]


def test_probes_ask_what_the_server_answers_and_the_end_is_awaited() -> None:
    from starlette.testclient import TestClient

    from assistant.service import Assistant
    from ui.api.app import create_api
    from ui.api.keys import Keys
    from ui.api.state import Serving

    client = TestClient(create_api(Assistant(), Serving(), keys=Keys()), base_url="http://127.0.0.1:8000")
    both = [CONTAINER["readinessProbe"], CONTAINER["livenessProbe"]]
    assert all(probe["timeoutSeconds"] > 1 for probe in both), "a second, their default, is short for a busy machine"
    probes = [probe["httpGet"] for probe in both]
    asked = [probe["path"] for probe in probes] + re.findall(r"127\.0\.0\.1:8000(/\w+)", DOCKERFILE)
    assert len(asked) == 3 and all(client.get(path).status_code in (200, 503) for path in asked)
    ports = {each["name"]: each["containerPort"] for each in CONTAINER["ports"]}
    assert (
        {probe["port"] for probe in probes} == {KUBERNETES["Service"]["spec"]["ports"][0]["targetPort"]} == set(ports)
    )
    assert POD["terminationGracePeriodSeconds"] > GRACE_SECONDS
    assert int(COMPOSE["services"]["api"]["stop_grace_period"].rstrip("s")) > GRACE_SECONDS


def test_no_service_is_open_to_others_or_runs_as_root() -> None:
    services = COMPOSE["services"].values()
    assert all(port.startswith("127.0.0.1:") for service in services for port in service["ports"])
    assert all(service["read_only"] and service["cap_drop"] == ["ALL"] for service in services)
    user = re.search(r"--uid (\d+)", DOCKERFILE)
    assert user and POD["securityContext"]["runAsUser"] == int(user[1]) and POD["securityContext"]["runAsNonRoot"]
    assert re.search(r"^USER parley$", DOCKERFILE, re.MULTILINE)


def test_every_way_into_a_container_hands_it_the_gpus() -> None:
    built = re.search(r"docker build .* -t (parley:gpu) (.*\\\n.*)", DOCKERFILE)
    assert built and f"docker run --gpus all -v parley:/data -p 127.0.0.1:8000:8000 {built[1]}" in DOCKERFILE
    given = dict(re.findall(r"--build-arg (\w+)=(\S+)", built[2]))
    services = yaml.safe_load((DEPLOY / "compose.gpu.yaml").read_text("utf-8"))["services"]
    assert services.keys() == COMPOSE["services"].keys() and services["api"]["build"]["args"] == given
    for service in services.values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert service["image"] == built[1] and device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    lines = (DEPLOY / "kubernetes.yaml").read_text("utf-8")
    swapped = re.sub(r"^( +)(\w+): .*?  # GPU: (.*)$", r"\1\2: \3", lines, flags=re.MULTILINE)
    (deployment,) = (each for each in yaml.safe_load_all(swapped) if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {**CONTAINER["resources"]["limits"], "nvidia.com/gpu": 1}
    told = (ROOT / "docs" / "serving.md").read_text("utf-8")
    assert "--gpus all" in told and "compose.gpu.yaml" in told
