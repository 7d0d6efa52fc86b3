"""From a run to an artifact: what was trained is what answers, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ml import preprocess
from ml.contracts import TUMOR_TYPES
from ml.heads import TENSORS
from ml.registry import read_manifest, read_tensors
from ml.training.export import ExportError, Run, export, record_test


def test_weights_are_half_precision_and_named(tiny_artifact: Path) -> None:
    tensors = load_file(tiny_artifact / "weights.safetensors")
    assert set(tensors) == {*TENSORS, "block1_conv1/kernel"}
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float16)}


def test_what_was_exported_is_read_back(tiny_artifact: Path, tiny_run: Run) -> None:
    tensors = read_tensors(read_manifest(tiny_artifact))
    for name in TENSORS:
        np.testing.assert_allclose(tensors[name], tiny_run.heads[name], atol=1e-3)


def test_the_manifest_says_what_the_model_is(tiny_artifact: Path) -> None:
    data = json.loads((tiny_artifact / "manifest.json").read_text())
    assert data["format"] == 1
    assert data["preprocessing"] == preprocess.VERSION
    assert data["calibration"] is None
    assert data["types"] == list(TUMOR_TYPES)
    assert data["weights"]["dtype"] == "float16"
    assert data["weights"]["bytes"] == (tiny_artifact / "weights.safetensors").stat().st_size
    assert len(data["created"]) == len("2025-01-31")
    assert data["metrics"]["test"] is None
    assert data["intended_use"]
    assert data["limits"]


def test_an_artifact_is_replaced_and_nothing_is_left_over(tiny_artifact: Path, tiny_run: Run) -> None:
    first = read_manifest(tiny_artifact).digest
    tiny_run.heads["tumor/bias"] += 1
    export(tiny_run, tiny_artifact, name="tiny")
    assert read_manifest(tiny_artifact).digest != first
    assert [path.name for path in tiny_artifact.parent.iterdir()] == [tiny_artifact.name]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path, tiny_run: Run) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="holds no artifact"):
        export(tiny_run, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_a_value_that_float16_cannot_hold_is_refused(tmp_path: Path, tiny_run: Run, value: float) -> None:
    tiny_run.heads["hidden/kernel"][0, 0] = value
    with pytest.raises(ExportError, match="hidden/kernel"):
        export(tiny_run, tmp_path / "artifact")
    assert not (tmp_path / "artifact").exists()


def test_too_large_a_file_is_refused(tmp_path: Path, tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.export.MAX_BYTES", 1000)
    with pytest.raises(ExportError, match="1,000"):
        export(tiny_run, tmp_path / "artifact")


def test_a_saved_run_is_exported_again_alike(tmp_path: Path, tiny_run: Run, tiny_artifact: Path) -> None:
    tiny_run.save(tmp_path / "run")
    again = export(Run.load(tmp_path / "run"), tmp_path / "again", name="tiny")
    assert read_manifest(again).digest == read_manifest(tiny_artifact).digest


def test_test_figures_do_not_change_the_identity(tiny_artifact: Path) -> None:
    before = read_manifest(tiny_artifact).digest
    record_test(tiny_artifact, {"split": "test", "sources": {}, "seconds": 1.5})
    after = read_manifest(tiny_artifact)
    assert after.digest == before
    assert after.data["metrics"]["test"] == {"split": "test", "sources": {}}
