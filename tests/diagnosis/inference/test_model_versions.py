"""Registering, activating and checking models: no fallback, no silence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from diagnosis.inference import model_versions
from diagnosis.models import AuditEvent, ModelVersion
from ml.contracts import ModelUnavailable
from ml.inference.registry import FORMAT
from ml.model import training_hashes
from ml.model.calibration import Calibration
from ml.preprocess import VERSION
from tests.factories import ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db


def artifact(folder: Path, *, name: str = "tiny", threshold: float = 0.5) -> Path:
    """A registrable artifact folder; its weights are too few to predict with."""
    folder.mkdir(exist_ok=True)
    weights = save({"hidden/kernel": np.ones((2, 2), np.float16)})
    (folder / "weights.safetensors").write_bytes(weights)
    known, entry = training_hashes.build([], [])
    (folder / entry["file"]).write_bytes(known)
    manifest = {
        "format": FORMAT,
        "name": name,
        "preprocessing": VERSION,
        "types": ["glioma"],
        "threshold": threshold,
        "calibration": Calibration().as_dict(),
        "training_hashes": entry | {"sha256": hashlib.sha256(known).hexdigest()},
        "weights": {
            "file": "weights.safetensors",
            "sha256": hashlib.sha256(weights).hexdigest(),
            "bytes": len(weights),
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_register_and_activate(tmp_path: Path, admin: Any) -> None:
    old = ModelVersionFactory(active=True)
    version = model_versions.register(path=artifact(tmp_path / "m"), actor=admin)
    assert not version.active
    model_versions.activate(version=version, actor=admin)
    old.refresh_from_db()
    assert (old.active, model_versions.active()) == (False, version)
    status = model_versions.status()
    assert (status.usable, status.label) == (True, version.label)
    assert list(AuditEvent.objects.order_by("id").values_list("action", "actor")) == [
        ("model.registered", "root"),
        ("model.activated", "root"),
    ]


def test_the_same_artifact_is_registered_once(tmp_path: Path) -> None:
    first = model_versions.register(path=artifact(tmp_path / "m"))
    assert model_versions.register(path=artifact(tmp_path / "m")) == first
    assert ModelVersion.objects.count() == 1


def test_a_damaged_artifact_cannot_be_registered(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "m")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ModelUnavailable) as error:
        model_versions.register(path=folder)
    assert error.value.code == "weights_damaged"
    assert not ModelVersion.objects.exists()


def test_status_names_what_is_wrong(tmp_path: Path, settings: Any) -> None:
    settings.ML_MODEL = str(tmp_path / "nowhere")
    assert "nowhere" in model_versions.status().problem
    version = model_versions.register(path=artifact(tmp_path / "m"))
    model_versions.activate(version=version)
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"short")
    assert "damaged" in model_versions.status().problem
    artifact(tmp_path / "m", threshold=0.9)
    assert "no longer model" in model_versions.status().problem
    (tmp_path / "m" / "manifest.json").unlink()
    assert not model_versions.status().usable


def test_a_named_model_that_is_missing_leaves_none_active(tmp_path: Path, settings: Any) -> None:
    model_versions.activate(version=model_versions.register(path=artifact(tmp_path / "m")))
    settings.ML_MODEL = str(tmp_path / "nowhere")
    with pytest.raises(ModelUnavailable):
        model_versions.register_default()
    assert model_versions.active() is None
    event = AuditEvent.objects.get(action="model.deactivated")
    assert (event.actor, event.target_id) == ("system", str(ModelVersion.objects.get().pk))
    assert event.details == {"unusable": settings.ML_MODEL}
    with pytest.raises(ModelUnavailable):
        model_versions.load_active()


def test_an_upgrade_of_the_shipped_artifact_takes_its_predecessors_place(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("ml.inference.registry.DEFAULT_ARTIFACT", artifact(tmp_path / "shipped"))
    old = model_versions.register_default()
    artifact(tmp_path / "shipped", threshold=0.6)
    new = model_versions.register_default()
    assert new != old
    assert model_versions.active() == new
    assert model_versions.problem(new) == ""
    assert "no longer model" in model_versions.problem(old)


def test_an_upgrade_to_a_folder_of_another_name_does_so_too(tmp_path: Path, monkeypatch: Any) -> None:
    gone = ModelVersionFactory(active=True, path=str(tmp_path / "shipped-1"))
    monkeypatch.setattr("ml.inference.registry.DEFAULT_ARTIFACT", artifact(tmp_path / "shipped-2"))
    new = model_versions.register_default()
    assert model_versions.active() == new != gone


def test_an_upgrade_leaves_stored_results_as_their_model_made_them(tmp_path: Path, monkeypatch: Any) -> None:
    """The old model told three types apart, the new one four: a result keeps its own, and names its model."""
    types = {"glioma": 0.2, "meningioma": 0.7, "pituitary": 0.1}
    old = ModelVersionFactory(active=True, path=str(tmp_path / "shipped-1"))
    stored = PredictionFactory(model_version=old, type_probabilities=types)
    monkeypatch.setattr("ml.inference.registry.DEFAULT_ARTIFACT", artifact(tmp_path / "shipped-2"))
    assert model_versions.register_default() == model_versions.active() != old
    stored.refresh_from_db()
    assert (stored.model_version, stored.type_probabilities, stored.listed_type) == (old, types, "meningioma")
    assert [name for name, _ in stored.ranked_types] == ["meningioma", "glioma", "pituitary"]


def test_a_broken_model_from_elsewhere_is_not_replaced(tmp_path: Path, monkeypatch: Any) -> None:
    own = ModelVersionFactory(active=True, path=str(tmp_path / "models" / "own"))
    monkeypatch.setattr("ml.inference.registry.DEFAULT_ARTIFACT", artifact(tmp_path / "shipped"))
    model_versions.register_default()
    assert model_versions.active() == own
    assert not model_versions.status().usable


@pytest.mark.parametrize("entry", ["weights", "training_hashes"])
def test_a_flipped_bit_in_either_file_is_found_when_registered(tmp_path: Path, entry: str) -> None:
    folder = artifact(tmp_path / "m")
    file = folder / json.loads((folder / "manifest.json").read_text())[entry]["file"]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="digest is wrong"):
        model_versions.register(path=folder)


def test_a_named_model_takes_over_and_the_default_does_not(tmp_path: Path, settings: Any, monkeypatch: Any) -> None:
    chosen = model_versions.register(path=artifact(tmp_path / "a"))
    model_versions.activate(version=chosen)
    monkeypatch.setattr("ml.inference.registry.DEFAULT_ARTIFACT", artifact(tmp_path / "b", threshold=0.6))
    model_versions.register_default()
    assert model_versions.active() == chosen
    settings.ML_MODEL = str(artifact(tmp_path / "c", threshold=0.7))
    named = model_versions.register_default()
    assert model_versions.active() == named
