"""The alerts for Prometheus ask for metrics that the site tells, and the docs say of each what to do."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from diagnosis.access import audit, lockout
from diagnosis.models.login_failures import FailureKind
from tests.factories import PredictionFactory

ROOT = Path(__file__).resolve().parents[1]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/brainscan.rules.yaml").read_text())["groups"][0]["rules"]
PAGE = (ROOT / "docs" / "operations.md").read_text()
PATTERN = re.compile(r"(brainscan_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def told(client: Client, db: None, settings: Any) -> dict[str, list[dict[str, str]]]:
    """The labels of each sample by its name, on a site where something has happened."""
    settings.METRICS_TOKEN = "a-long-token"
    now = timezone.now()
    PredictionFactory(state="done", finished=now, milliseconds={"total": 60.0})
    PredictionFactory(state="failed", finished=now)
    PredictionFactory(state="queued", queued=now - timedelta(seconds=9))
    audit.record("user.login_failed")
    for _ in range(2):  # the second tells of the first
        answer = client.get("/metrics", headers={"Authorization": "Bearer a-long-token"})
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_the_page_names_every_metric_and_no_other(told: dict[str, list[dict[str, str]]]) -> None:
    metrics = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in told}
    table = PAGE[PAGE.index("| metric |") :].partition("\n\n")[0]
    named = {name for row in table.splitlines() for name in PATTERN.findall(row.split("|")[1])}
    assert {name for name, _ in named} == {name for name in metrics if name.startswith("brainscan_")}


def test_every_metric_that_an_alert_asks_for_exists(told: dict[str, list[dict[str, str]]]) -> None:
    for rule in RULES:
        named = PATTERN.findall(rule["expr"])
        assert named or rule["expr"].startswith("up{"), rule["alert"]
        for name, labels in named:
            assert name in told, rule["alert"]
            equal = dict(re.findall(r'(\w+)="([^"]*)"', labels.replace("!=", " ")))
            assert any(equal.items() <= sample.items() for sample in told[name]), (rule["alert"], name, equal)
            for label in re.findall(r"(\w+)(?:=~|!=)", labels):
                assert label in told[name][0], (rule["alert"], name)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert f"| `{rule['alert']}` |" in PAGE


def test_one_address_that_tries_passwords_raises_an_alert() -> None:
    """Once it is locked, what it tries is refused before it counts as a failed login."""
    [rule] = [rule for rule in RULES if rule["alert"] == "LoginsFail"]
    least = int(rule["expr"].partition(" > ")[2].split()[0])
    assert 5 <= least < lockout.RULES[FailureKind.ADDRESS].allowed
    assert f"More than {least} failed" in rule["annotations"]["summary"]


def test_the_page_names_no_alert_that_is_gone() -> None:
    section = PAGE.partition("## When it pages\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_every_metric_in_the_docs_exists(told: dict[str, list[dict[str, str]]]) -> None:
    named = {name for name, _ in PATTERN.findall(PAGE)} - {"brainscan_token"}
    assert {name for name in named if name not in told and f"{name}_count" not in told} == set()
