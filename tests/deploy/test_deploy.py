"""What is shipped to run the program with: each file judged by the program that will read it.

Where that program is not installed the test skips and names it. What concerns us (commands,
settings, secrets) is checked in any case.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from tests.deploy.promql import names
from tests.deploy.tools import DEPLOY, ROOT, judged, tool

from locutory.cli.main import app

CHART = DEPLOY / "helm" / "locutory"
UNITS = DEPLOY / "systemd"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
SETTINGS = set(re.findall(r"`(LOCUTORY_\w+)`", (ROOT / "docs/reference/settings.md").read_text()))
KUBERNETES = "1.31"


def parses(arguments: list[str]) -> None:
    """Fails where the program would not understand its arguments."""
    program: Any = typer.main.get_command(app)
    name, *rest = arguments or ["serve"]
    program.commands[name].make_context(name, rest).close()


def settings_in(text: str) -> set[str]:
    """Names of settings, but of those that stand in a comment for later."""
    lines = (line for line in text.splitlines() if "LOCUTORY_BUS__" not in line)
    own = {"LOCUTORY_HOST", "LOCUTORY_UPSTREAM"}
    return (
        set(re.findall(r"LOCUTORY_[A-Z]+(?:_[A-Z0-9]+)*(?:__[A-Z0-9_]+)?", "\n".join(lines))) - own
    )


@pytest.mark.parametrize(
    "file",
    [file for file in DEPLOY.rglob("*") if file.is_file()],
    ids=lambda file: str(file.relative_to(DEPLOY)),
)
def test_settings_that_are_named_exist(file: Path) -> None:
    assert settings_in(file.read_text()) <= SETTINGS


# --- compose --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def test_compose_has_every_part_and_commands_that_the_program_knows(
    services: dict[str, Any],
) -> None:
    assert set(services) >= {
        *("postgres", "redis", "rabbitmq", "migrate", "api", "worker", "worker-transcribe"),
        *("worker-analyze", "prometheus", "grafana", "caddy"),
    }
    ours = [one for one in services.values() if one.get("image") == "locutory"]
    assert len(ours) == 5
    for service in ours:
        parses(service["command"])
    assert "--no-work" in services["api"]["command"]


def test_compose_mounts_files_that_exist(services: dict[str, Any]) -> None:
    mounts = [m.split(":")[0] for one in services.values() for m in one.get("volumes", ())]
    files = [COMPOSE.parent / mount for mount in mounts if mount.startswith(".")]

    assert files
    assert all(file.exists() for file in files)


def compose_command() -> list[str]:
    """Docker's client may be there without its plugin; Debian's docker-compose serves as well."""
    if shutil.which("docker") is not None:
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if plugin.returncode == 0:
            return ["docker", "compose"]
    return [tool("docker-compose")]


def composed(folder: Path, env: str) -> subprocess.CompletedProcess[str]:
    shutil.copytree(DEPLOY / "compose", folder / "compose")
    (folder / "compose" / ".env").write_text(env)
    return subprocess.run(
        [*compose_command(), "-f", "compose.yaml", "config"],
        cwd=folder / "compose",
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_compose_is_sound_once_the_secrets_are_filled_in(tmp_path: Path) -> None:
    example = (DEPLOY / "compose" / ".env.example").read_text()

    filled = composed(tmp_path / "filled", re.sub(r"=$", "=secret", example, flags=re.MULTILINE))
    empty = composed(tmp_path / "empty", example)

    assert filled.returncode == 0, filled.stderr
    assert "postgresql://app:secret@postgres/locutory" in filled.stdout
    assert empty.returncode != 0
    assert "set it in .env" in empty.stdout + empty.stderr


# --- Dockerfile -----------------------------------------------------------------------------------


def test_the_image_is_built_of_what_is_there_and_runs_as_nobody_in_particular() -> None:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    steps = [line.split(None, 1) for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    said = [word for word, _ in steps]
    sources = [
        one
        for word, rest in steps
        if word == "COPY" and not rest.startswith("--from")
        for one in rest.split()[:-1]
    ]
    kept = (ROOT / ".dockerignore").read_text().splitlines()

    assert said.count("FROM") == 2
    assert sources
    assert all((ROOT / one).exists() for one in sources)
    assert {f"!{one.removeprefix('./')}" for one in sources} <= set(kept)
    assert dict(steps)["USER"] == "10001:10001"
    assert said.index("HEALTHCHECK") > said.index("USER")
    parses(yaml.safe_load(dict(steps)["CMD"]))


# --- Helm -----------------------------------------------------------------------------------------


def rendered(*options: str) -> list[dict[str, Any]]:
    text = judged(tool("helm"), "template", "calls", CHART, *options)
    return [one for one in yaml.safe_load_all(text) if one]


def pods(resources: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in resources:
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


EVERYTHING = ("--set", "ingress.enabled=true", "--set", "networkPolicy.enabled=true")


@pytest.mark.parametrize("kind", ["none", "hpa", "keda"])
def test_the_chart_renders_resources_that_kubernetes_accepts(kind: str) -> None:
    resources = rendered("--set", f"autoscaling.kind={kind}", *EVERYTHING)
    scaled = {one["kind"] for one in resources} & {"HorizontalPodAutoscaler", "ScaledObject"}

    for one in resources:
        if one["kind"] != "ScaledObject":  # KEDA's own; see below
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
    assert (
        scaled
        == {
            "none": set(),
            "hpa": {"HorizontalPodAutoscaler"},
            "keda": {"HorizontalPodAutoscaler", "ScaledObject"},
        }[kind]
    )
    assert {"Deployment", "Service", "PodDisruptionBudget", "Job", "Ingress"} <= {
        one["kind"] for one in resources
    }


def test_helm_finds_the_chart_sound_and_refuses_another_way_to_scale() -> None:
    judged(tool("helm"), "lint", CHART)

    refused = subprocess.run(
        [tool("helm"), "template", "calls", CHART, "--set", "autoscaling.kind=odd"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode != 0
    assert "autoscaling.kind is none, hpa or keda" in refused.stderr


def test_pods_are_confined_probed_and_given_secrets_by_reference_only() -> None:
    resources = rendered(*EVERYTHING)
    found = dict(pods(resources))

    assert not [one for one in resources if one["kind"] == "Secret"]
    assert len(found) == 6
    for name, pod in found.items():
        (container,) = pod["containers"]
        parses(container["args"])
        assert pod["securityContext"]["runAsNonRoot"], name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        plain = [one for one in container["env"] if "value" in one]
        assert not [one for one in plain if re.search("URL|KEY|PASSWORD", one["name"])], name
        if not name.endswith("migrate"):
            assert container["livenessProbe"], name
            assert container["resources"]["limits"]["memory"], name
    api = found["calls-api"]["containers"][0]
    assert api["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert api["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_workers_follow_what_the_server_wants_above_the_seeds_threshold() -> None:
    resources = rendered("--set", "autoscaling.kind=keda")
    scaled = [one for one in resources if one["kind"] == "ScaledObject"]
    (settings,) = [one["data"] for one in resources if one["kind"] == "ConfigMap"]
    deployments = {o["metadata"]["name"]: o["spec"] for o in resources if o["kind"] == "Deployment"}

    assert settings["LOCUTORY_PIPELINE__SCALE_THRESHOLD"] == "500"
    assert settings["LOCUTORY_PIPELINE__SCALE_MAX_WORKERS"] == "10"
    assert set(settings) <= SETTINGS
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} == {
        f"calls-worker-{stage}" for stage in ("transcribe", "analyze", "index")
    }
    for one in scaled:
        (trigger,) = one["spec"]["triggers"]
        assert names(trigger["metadata"]["query"]) == {"desired_workers"}
        assert one["spec"]["maxReplicaCount"] == 10
        assert "replicas" not in deployments[one["spec"]["scaleTargetRef"]["name"]]
    assert deployments["calls-worker-all"]["replicas"] == 1


# --- systemd --------------------------------------------------------------------------------------


def test_units_call_commands_that_the_program_knows() -> None:
    found = 0
    for unit in UNITS.glob("*.service"):
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
        command = line.replace("%i", "transcribe")
        if "/bin/sh -c" in command:
            command = re.sub(r"\$\$\([^)]*\)", "now", shlex.split(command)[2].removeprefix("exec "))
        program, *arguments = shlex.split(command)
        assert program == "/opt/locutory/bin/locutory"
        parses(arguments)
        found += 1
    assert found == 3


def test_systemd_finds_the_units_sound(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    paths = []
    for unit in UNITS.iterdir():
        target = tmp_path / unit.name.replace("@.", "@transcribe.")
        # the program is not installed there on this machine
        target.write_text(unit.read_text().replace("/opt/locutory/bin/locutory", sys.executable))
        paths.append(target)

    told = judged(analyze, "verify", "--man=no", *paths)

    assert [line for line in told.splitlines() if any(p.name in line for p in paths)] == []


# --- proxies --------------------------------------------------------------------------------------


def test_caddy_finds_its_file_sound(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LOCUTORY_HOST": "calls.example.org"}
    file = DEPLOY / "caddy" / "Caddyfile"

    told = judged(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", file, env=env)

    assert "Valid configuration" in told


def test_nginx_finds_its_file_sound(tmp_path: Path) -> None:
    nginx, openssl = tool("nginx"), tool("openssl")
    judged(
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
        *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"),
    )
    site = (DEPLOY / "nginx" / "locutory.conf").read_text()
    site = re.sub(r"\S+fullchain\.pem", str(tmp_path / "cert.pem"), site)
    site = re.sub(r"\S+privkey\.pem", str(tmp_path / "key.pem"), site)
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; include {tmp_path}/site.conf; }}\n"
    )

    told = judged(nginx, "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf")

    assert "test is successful" in told
