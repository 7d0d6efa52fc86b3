"""Model versions in the admin: registered from known folders only, one active, none lost while it is needed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from diagnosis.admin import artifacts
from diagnosis.inference import model_versions
from diagnosis.models import AuditEvent, ModelVersion
from ml.inference import registry
from tests.diagnosis.inference.test_model_versions import artifact
from tests.factories import ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/diagnosis/modelversion/"
ADD = f"{LIST}add/"


@pytest.fixture
def models_folder(settings: Any, tmp_path: Path) -> Path:
    """DATA_DIR/models of a site of the test's own."""
    settings.DATA_DIR = tmp_path / "data"
    settings.ML_MODEL = ""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def activate(client: Client, *rows: ModelVersion) -> list[str]:
    response = client.post(LIST, {"action": "activate", "_selected_action": [row.pk for row in rows]}, follow=True)
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("absolute", [True, False])
def test_register_a_folder(as_admin: Client, models_folder: Path, absolute: bool) -> None:
    folder = artifact(models_folder / "better")
    assert str(folder) in as_admin.get(ADD).content.decode()
    response = as_admin.post(ADD, {"folder": str(folder) if absolute else "better"})
    assert response.status_code == 302, response.context["adminform"].errors
    version = ModelVersion.objects.get()
    assert (version.path, version.active) == (str(folder), False)
    assert version.registered_by is not None
    assert AuditEvent.objects.filter(action="model.registered", actor="root").count() == 1


def test_a_folder_that_ml_model_names_may_be_registered(
    as_admin: Client, models_folder: Path, tmp_path: Path, settings: Any
) -> None:
    settings.ML_MODEL = str(artifact(tmp_path / "chosen"))
    artifact(tmp_path / "beside")
    assert as_admin.post(ADD, {"folder": settings.ML_MODEL}).status_code == 302
    assert as_admin.post(ADD, {"folder": str(tmp_path / "beside")}).status_code == 200
    assert ModelVersion.objects.count() == 1


def test_other_places_are_refused_alike_whether_there_or_not(
    as_admin: Client, models_folder: Path, tmp_path: Path
) -> None:
    outside = artifact(tmp_path / "outside")
    (models_folder / "link").symlink_to(outside)
    twin = models_folder.with_name("models-of-others")  # begins like the permitted folder
    artifact(twin)
    said = set()
    for text in (
        str(outside),
        str(tmp_path / "absent"),
        "../../outside",
        f"{models_folder}/../../outside",
        f"{models_folder}/link",
        str(twin),
        "/etc",
        "~/models",
        "x" * 400,
    ):
        response = as_admin.post(ADD, {"folder": text})
        assert response.status_code == 200, text
        if text not in ("~/models", "x" * 400):  # these name something below the permitted folder, that is not there
            said.add(str(response.context["errors"]))
    assert len(said) == 1
    assert not ModelVersion.objects.exists()


def test_an_artifact_error_is_shown_at_its_field(as_admin: Client, models_folder: Path) -> None:
    folder = artifact(models_folder / "damaged")
    weights = folder / "weights.safetensors"
    weights.write_bytes(bytes(reversed(weights.read_bytes())))
    assert "is damaged" in as_admin.post(ADD, {"folder": "damaged"}).content.decode()
    assert "does not exist" in as_admin.post(ADD, {"folder": "absent"}).content.decode()
    (folder / "manifest.json").write_text("{")
    assert "no valid manifest" in as_admin.post(ADD, {"folder": "damaged"}).content.decode()
    assert "This field is required" in as_admin.post(ADD, {"folder": ""}).content.decode()
    assert not ModelVersion.objects.exists()


def test_registering_needs_the_permission(as_staff: Callable[..., Client], models_folder: Path) -> None:
    artifact(models_folder / "better")
    assert as_staff("view_modelversion").post(ADD, {"folder": "better"}).status_code == 403
    assert as_staff("add_modelversion", "view_modelversion").post(ADD, {"folder": "better"}).status_code == 302


def test_activate_exactly_one(as_admin: Client, models_folder: Path) -> None:
    old = ModelVersionFactory(active=True)
    for name, threshold in (("a", 0.4), ("b", 0.6)):
        model_versions.register(path=artifact(models_folder / name, threshold=threshold))
    first, second = ModelVersion.objects.exclude(pk=old.pk).order_by("id")
    assert activate(as_admin, first, second) == ["Select exactly one model version to activate."]
    assert ModelVersion.objects.get(active=True) == old
    assert "is active" in activate(as_admin, second)[0]
    assert ModelVersion.objects.get(active=True) == second
    assert AuditEvent.objects.filter(action="model.activated", actor="root").count() == 1


def test_a_version_without_its_files_is_not_activated(as_admin: Client, models_folder: Path) -> None:
    lost, current = ModelVersionFactory(), ModelVersionFactory(active=True)
    assert "was not activated" in activate(as_admin, lost)[0]
    assert ModelVersion.objects.get(active=True) == current
    changed = model_versions.register(path=artifact(models_folder / "a"))
    artifact(models_folder / "a", threshold=0.9)
    assert "no longer" in activate(as_admin, changed)[0]


def test_activating_needs_the_permission_and_warns_when_ml_model_will_undo_it(
    as_staff: Callable[..., Client], models_folder: Path, settings: Any
) -> None:
    version = model_versions.register(path=artifact(models_folder / "a"))
    activate(as_staff("view_modelversion", "add_modelversion"), version)
    assert not ModelVersion.objects.filter(active=True).exists()
    settings.ML_MODEL = os.devnull
    assert "ML_MODEL is set" in activate(as_staff("view_modelversion", "change_modelversion"), version)[1]


def test_none_is_deleted_while_needed(as_admin: Client) -> None:
    used = PredictionFactory().model_version
    active = ModelVersionFactory(active=True)
    idle = ModelVersionFactory()
    for row in (used, active):
        assert as_admin.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [used.pk, active.pk, idle.pk], "post": "yes"}
    as_admin.post(LIST, bulk)
    assert ModelVersion.objects.count() == 3
    assert as_admin.post(f"{LIST}{idle.pk}/delete/", {"post": "yes"}).status_code == 302
    assert ModelVersion.objects.count() == 2


def test_nothing_of_it_can_be_changed(as_admin: Client) -> None:
    version = ModelVersionFactory()
    changes = {"digest": "0" * 64, "path": "/x", "active": "on", "manifest": "{}", "folder": "x"}
    assert as_admin.post(f"{LIST}{version.pk}/change/", changes).status_code == 403
    before = ModelVersion.objects.get(pk=version.pk)
    assert (before.digest, before.active) == (version.digest, False)


def test_measurements_are_shown_as_a_table(as_admin: Client) -> None:
    numbers = {
        "n": 160,
        "sensitivity": {"value": 0.849, "interval": [0.648, 1.0]},
        "specificity": {"value": None, "interval": None, "reason": "no image <without> a tumor"},
        "auroc": {"value": 0.987},
    }
    metrics = {"validation": {"threshold": 0.44, "sources": {"figshare": numbers}}, "test": None}
    version = ModelVersionFactory(manifest={"calibration": None, "metrics": metrics})
    page = as_admin.get(f"{LIST}{version.pk}/change/").content.decode()
    for text in (
        "Validation",
        "figshare",
        "160",
        "0.849 (0.648 to 1.000)",
        "no image &lt;without&gt; a tumor",
        "0.987",
    ):
        assert text in page
    assert as_admin.get(LIST).status_code == 200


@pytest.mark.parametrize(
    "metrics", [None, {}, [], "x", {"test": None}, {"test": {"sources": 3}}, {"test": {"sources": {}}}]
)
def test_a_manifest_may_say_less(metrics: Any) -> None:
    assert artifacts.measured({"metrics": metrics})["tables"] == []
    assert artifacts.measured({})["tables"] == []


def test_the_shipped_manifests_metrics_can_be_read() -> None:
    data = json.loads((registry.DEFAULT_ARTIFACT / "manifest.json").read_text())
    tables = artifacts.measured(data)["tables"]
    assert tables, "the manifest's metrics have another shape than the admin reads"
    assert all(values for _, rows in tables for _, _, values in rows)
    several = [values for _, rows in tables for _, _, values in rows if "(" in " ".join(values)]
    assert len(several) > 5  # intervals, wherever a source has more than one patient
