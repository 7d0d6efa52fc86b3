"""From a run to an artifact: what was trained is what answers, whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ml import preprocess
from ml.contracts import TUMOR_TYPES
from ml.inference.registry import FILES, FORMAT, load_model, read_hashes, read_manifest, read_tensors
from ml.model.heads import TENSORS
from ml.training.export import ExportError, Run, export, half, record, record_series
from tests.ml.conftest import CALIBRATION


def test_weights_are_half_precision_and_named(tiny_artifact: Path) -> None:
    tensors = load_file(tiny_artifact / "weights.safetensors")
    assert set(tensors) >= {*TENSORS, "block1_conv1/kernel"}
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float16)}


def test_an_exported_artifact_is_read_back(tiny_artifact: Path, tiny_run: Run) -> None:
    tensors = read_tensors(read_manifest(tiny_artifact))
    for name in TENSORS:
        np.testing.assert_allclose(tensors[name], tiny_run.tensors[name], atol=1e-3)
    known = read_hashes(read_manifest(tiny_artifact))
    assert known.hashes.tolist() == [np.arange(64).reshape(2, 32).tolist()]
    assert known.validation.tolist() == [False]


def test_the_manifest_says_what_the_model_is(tiny_artifact: Path) -> None:
    data = json.loads((tiny_artifact / "manifest.json").read_text())
    assert data["format"] == FORMAT
    assert data["preprocessing"] == preprocess.VERSION
    assert data["threshold"] == 0.4
    assert data["calibration"] == CALIBRATION.as_dict()
    assert data["types"] == list(TUMOR_TYPES)
    assert data["weights"]["dtype"] == "float16"
    assert data["training_hashes"]["count"] == {"train": 1, "val": 0}
    for entry in FILES:
        assert data[entry]["bytes"] == (tiny_artifact / data[entry]["file"]).stat().st_size
    assert len(data["created"]) == len("2025-01-31")
    assert data["metrics"] == {"validation": None, "test": None}
    assert data["intended_use"]
    assert data["limits"]


def test_an_artifact_is_replaced_and_nothing_is_left_over(tiny_artifact: Path, tiny_run: Run) -> None:
    first = read_manifest(tiny_artifact).digest
    (tiny_artifact / "stale.txt").write_text("of the older artifact")
    tiny_run.tensors["cell/bias"] += 1
    export(tiny_run, tiny_artifact, name="tiny")
    assert read_manifest(tiny_artifact).digest != first
    assert [path.name for path in tiny_artifact.parent.iterdir()] == [tiny_artifact.name]
    assert sorted(path.name for path in tiny_artifact.iterdir()) == [
        "manifest.json", "training_hashes.safetensors", "weights.safetensors",
    ]  # fmt: skip


def test_an_export_that_fails_leaves_the_older_artifact_as_it_was(tiny_artifact: Path, tiny_run: Run) -> None:
    digest = read_manifest(tiny_artifact).digest
    broken = replace(tiny_run, fitted=tiny_run.fitted | {"threshold": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        export(broken, tiny_artifact, name="tiny")
    assert read_manifest(tiny_artifact).digest == digest
    assert [path.name for path in tiny_artifact.parent.iterdir()] == [tiny_artifact.name]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path, tiny_run: Run) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="holds no artifact"):
        export(tiny_run, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_empty_folder_is_taken(tmp_path: Path, tiny_run: Run) -> None:
    (tmp_path / "out").mkdir()
    assert read_manifest(export(tiny_run, tmp_path / "out", name="tiny")).name == "tiny"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_value_that_float16_cannot_hold_is_refused(tmp_path: Path, tiny_run: Run, value: float) -> None:
    tiny_run.tensors["cell_hidden/kernel"][0, 0] = value
    with pytest.raises(ExportError, match="cell_hidden/kernel"):
        export(tiny_run, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()


def test_the_largest_values_are_kept() -> None:
    assert half({"x": np.array([65504, -65504, 1e-7], np.float32)})["x"].tolist()[:2] == [65504, -65504]


def test_too_large_a_file_is_refused(tmp_path: Path, tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.export.MAX_BYTES", 1000)
    with pytest.raises(ExportError, match="1,000"):
        export(tiny_run, tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_run_is_exported_again_alike(tmp_path: Path, tiny_run: Run, tiny_artifact: Path) -> None:
    tiny_run.save(tmp_path / "run")
    loaded = Run.load(tmp_path / "run")
    assert (loaded.hashes, loaded.hashed, loaded.fitted) == (tiny_run.hashes, tiny_run.hashed, tiny_run.fitted)
    assert (loaded.gate, loaded.training) == (tiny_run.gate, tiny_run.training)
    again = export(loaded, tmp_path / "again", name="tiny")
    assert read_manifest(again).digest == read_manifest(tiny_artifact).digest


@pytest.mark.parametrize("absent", ["run.json", "tensors.safetensors", "hashes.safetensors"])
def test_a_run_that_is_not_finished(tmp_path: Path, tiny_run: Run, absent: str) -> None:
    tiny_run.save(tmp_path / "run")
    (tmp_path / "run" / absent).unlink()
    with pytest.raises(ExportError, match="no finished run"):
        Run.load(tmp_path / "run")


def test_a_run_that_is_damaged(tmp_path: Path, tiny_run: Run) -> None:
    tiny_run.save(tmp_path / "run")
    (tmp_path / "run" / "tensors.safetensors").write_bytes(b"cut short")
    with pytest.raises(ExportError, match="no finished run"):
        Run.load(tmp_path / "run")


@pytest.mark.parametrize(("split", "name"), [("val", "validation"), ("test", "test")])
def test_figures_do_not_change_the_identity(tiny_artifact: Path, split: str, name: str) -> None:
    before = read_manifest(tiny_artifact).digest
    record(tiny_artifact, {"split": split, "sources": {"a": {"n": 1, "reliability": {"bins": []}}}, "seconds": 1.5})
    after = read_manifest(tiny_artifact)
    assert after.digest == before
    kept = {"split": split, "sources": {"a": {"n": 1}}}
    assert after.data["metrics"] == {"validation": None, "test": None} | {name: kept}


def test_figures_of_the_training_split_are_not_recorded(tiny_artifact: Path) -> None:
    with pytest.raises(ExportError, match="'train'"):
        record(tiny_artifact, {"split": "train", "sources": {}})


def test_an_exported_artifact_loads(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.inference.registry._loaded", {})
    monkeypatch.setattr("ml.inference.registry.load_engine", lambda name, tensors, threads=None: object())
    model = load_model(tiny_artifact)
    assert model.calibration == CALIBRATION
    assert len(model.training_hashes.hashes) == 1


def test_figures_of_series_are_kept_apart_from_those_of_pictures(tiny_artifact: Path) -> None:
    digest = read_manifest(tiny_artifact).digest
    record(tiny_artifact, {"split": "test", "sources": {}, "seconds": 3})
    record_series(tiny_artifact, {"all": {"patients": 8}}, split="test")
    manifest = read_manifest(tiny_artifact)
    assert manifest.digest == digest
    assert manifest.data["metrics"]["series"] == {"test": {"all": {"patients": 8}}}
    assert manifest.data["metrics"]["test"] == {"split": "test", "sources": {}}
