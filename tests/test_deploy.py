"""Dockerfile, compose.yaml and the Kubernetes example: valid, closed as far as possible, the Procfile's programs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from brainscan.launcher.environment import NEEDED_BY

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
CLUSTER = yaml.safe_load((ROOT / "deploy/kubernetes/brainscan.yaml").read_text())["items"]
PODS = [item for item in CLUSTER if item["kind"] in ("Deployment", "Job")]
CONTAINERS = [
    (pod["metadata"]["name"], container)
    for pod in PODS
    for container in [
        *pod["spec"]["template"]["spec"].get("initContainers", []),
        *pod["spec"]["template"]["spec"]["containers"],
    ]
]
OURS = [name for name, service in COMPOSE.items() if service.get("image") == "brainscan"]


def plain(command: str) -> str:
    """A command without what differs from place to place: shell around it, level of the log, beat's file, quotes."""
    command = re.sub(r'^sh -c "?(exec )?|"$|"', "", command.strip().replace("$$", "$"))
    command = re.sub(r"-s \S+", "-s FILE", re.sub(r"-l \S+", "-l LEVEL", command))
    return re.sub(r"\$\{WORKERS(:-1)?\}", "WORKERS", command)


def procfile() -> dict[str, str]:
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines())
    return {name: plain(command) for name, _, command in lines}


@pytest.mark.parametrize("program", ["web", "worker", "beat", "dicom"])
def test_compose_starts_the_procfiles_programs(program: str) -> None:
    assert plain(COMPOSE[program]["command"]) == procfile()[program]


@pytest.mark.parametrize("program", ["web", "worker", "beat"])
def test_kubernetes_starts_the_procfiles_programs(program: str) -> None:
    [container] = [c for name, c in CONTAINERS if name == program and c["name"] == program]
    assert plain(" ".join(container["command"]).removeprefix("sh -c ").removeprefix("exec ")) == procfile()[program]


@pytest.mark.parametrize("program", ["web", "worker", "beat", "dicom"])
def test_compose_gives_a_program_the_secrets_that_it_needs(program: str) -> None:
    needed = {name for name, programs in NEEDED_BY.items() if program in programs}
    given = {name for name in NEEDED_BY if name in COMPOSE[program]["environment"]}
    assert given == needed - {"AWS_SESSION_TOKEN"}  # lives for hours
    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} <= set(COMPOSE[program]["environment"])


@pytest.mark.parametrize(
    ("program", "secrets"),
    [
        ("web", {"brainscan", "brainscan-storage", "brainscan-web"}),
        ("worker", {"brainscan", "brainscan-storage"}),
        ("beat", {"brainscan"}),
        ("prepare", {"brainscan"}),
    ],
)
def test_kubernetes_gives_a_program_the_secrets_that_it_needs(program: str, secrets: set[str]) -> None:
    [container] = [c for name, c in CONTAINERS if name == program and c["name"] == program]
    assert {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source} == secrets


def test_every_program_is_there() -> None:
    assert {"web", "worker", "beat", "dicom"} == set(procfile())


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_little(name: str) -> None:
    service = COMPOSE[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [name for name in COMPOSE if name not in ("prepare", "bucket")])
def test_services_have_restart_rules_and_memory_limits(name: str) -> None:
    assert COMPOSE[name]["restart"] == "unless-stopped"
    assert re.fullmatch(r"\d+[mg]", COMPOSE[name]["mem_limit"])


@pytest.mark.parametrize("name", COMPOSE)
def test_no_log_of_a_service_fills_the_disk(name: str) -> None:
    assert COMPOSE[name]["logging"] == {"driver": "json-file", "options": {"max-size": "50m", "max-file": "10"}}


@pytest.mark.parametrize("name", ["web", "worker", "nginx", "database", "queue"])
def test_services_have_health_checks(name: str) -> None:
    assert COMPOSE[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_only_nginx_and_dicom_are_reached_from_outside() -> None:
    assert {name for name, service in COMPOSE.items() if service.get("ports")} == {"nginx", "dicom"}


def test_compose_follows_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("item", CLUSTER, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_kubernetes_objects_follow_their_schema(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(("pod", "container"), CONTAINERS, ids=lambda value: value if isinstance(value, str) else "")
def test_pods_may_do_little(pod: str, container: dict[str, Any]) -> None:
    [spec] = [item["spec"]["template"]["spec"] for item in PODS if item["metadata"]["name"] == pod]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert "memory" in container["resources"]["limits"]


def test_the_worker_is_scaled_by_its_load_alone() -> None:
    [scaler] = [item["spec"] for item in CLUSTER if item["kind"] == "HorizontalPodAutoscaler"]
    [worker] = [item["spec"] for item in PODS if item["metadata"]["name"] == scaler["scaleTargetRef"]["name"]]
    assert "replicas" not in worker  # else each `kubectl apply` would undo the scaling
    assert scaler["maxReplicas"] > scaler["minReplicas"] >= 1


def test_the_image_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"]
