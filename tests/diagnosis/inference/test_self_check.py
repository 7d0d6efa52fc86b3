"""What a worker process finds out about its model, and when it looks again."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from diagnosis.inference import heartbeats, model_versions
from diagnosis.inference.self_check import DAY, SelfCheck
from diagnosis.models import ModelVersion
from ml.contracts import ModelUnavailable
from ml.inference import golden
from tests.diagnosis.inference.test_model_versions import artifact
from tests.factories import ModelVersionFactory

pytestmark = pytest.mark.django_db


class Reports(list[tuple[str, str]]):
    """What was reported, newest last."""

    def add(self, *, model: str, problem: str = "") -> None:
        self.append((model, problem))


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    found = Reports()
    monkeypatch.setattr(heartbeats, "report", found.add)
    return found


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """An active version, which loads although its weights are too few."""
    found = model_versions.register(path=artifact(tmp_path / "m"))
    model_versions.activate(version=found)

    class Model:
        manifest = found

    monkeypatch.setattr(model_versions, "load", lambda version: Model())
    monkeypatch.setattr(golden, "measure", lambda model: [0.5, 1.0])
    return found


def test_damage_is_reported_and_a_repair_counts_at_once(version: ModelVersion, reports: Reports) -> None:
    checker = SelfCheck()
    checker.first()
    checker.look()
    assert reports == [(version.label, "")]  # nothing has changed
    weights = Path(version.path) / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"\xff")  # of the right size, which a quick check takes for whole
    assert model_versions.status().usable
    checker.look()
    label, problem = reports[-1]
    assert label == "" and problem.endswith("is damaged: its digest is wrong.")
    checker.look()
    assert len(reports) == 3  # it looks again while something is wrong
    weights.write_bytes(whole)
    checker.look()
    assert reports[-1] == (version.label, "")


def test_other_numbers_than_at_first_are_reported(
    version: ModelVersion, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = SelfCheck()
    checker.first()
    version.refresh_from_db()
    assert version.golden == [0.5, 1.0]
    monkeypatch.setattr(golden, "measure", lambda model: [0.5, 1.02])
    SelfCheck().first()
    assert reports[-1][0] == "" and "no longer computes" in reports[-1][1]
    monkeypatch.setattr(golden, "measure", lambda model: [0.5, 1.005])
    SelfCheck().first()
    assert reports[-1] == (version.label, "")


def test_it_checks_again_after_a_day(version: ModelVersion, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    checker, now = SelfCheck(), [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    checker.first()
    for passed, checks in ((DAY - 1, 1), (2.0, 2)):
        now[0] += passed
        checker.look()
        assert len(reports) == checks


def test_another_version_is_checked_when_it_becomes_active(version: ModelVersion, reports: Reports) -> None:
    checker = SelfCheck()
    checker.first()
    model_versions.activate(version=ModelVersionFactory(path="/nowhere"))
    checker.look()
    assert reports[-1][0] == "" and "/nowhere" in reports[-1][1]
    ModelVersion.objects.update(active=False)
    checker.look()
    assert reports[-1][0] == "" and reports[-1][1]


def test_an_error_ends_no_thread(version: ModelVersion, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(model_versions, "verify_active", broken)
    checker = SelfCheck()
    checker.look()
    assert reports == []
    monkeypatch.setattr(model_versions, "verify_active", lambda: "m@1")
    checker.look()
    assert reports == [("m@1", "")]


def test_without_a_version_it_says_what_is_missing(reports: Reports, settings: Any) -> None:
    settings.ML_MODEL = "/nonexistent/model"
    SelfCheck().first()
    assert reports[-1][0] == "" and "/nonexistent/model" in reports[-1][1]


def test_the_drawn_head_never_changes() -> None:
    head = golden.drawn_head()
    assert (head.shape, int(head.sum()), int(head[94, 139])) == ((224, 224), 2_849_871, 235)


@pytest.mark.parametrize(
    ("stored", "found", "same"),
    [([0.5], [0.509], True), ([0.5], [0.511], False), ([0.5], [float("nan")], False), ([0.5], [0.5, 0.5], False)],
)
def test_numbers_agree_within_the_tolerance(stored: list[float], found: list[float], same: bool) -> None:
    assert golden.agree(stored, found) is same


def test_no_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ModelVersion.objects.all().delete()
    with pytest.raises(ModelUnavailable):
        model_versions.verify_active()
