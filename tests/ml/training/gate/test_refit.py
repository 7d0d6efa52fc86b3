"""Another gate for an artifact: it is fitted as in the training, and nothing else of the weights changes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.inference.registry import read_hashes, read_manifest, read_tensors
from ml.model.series_calibration import OF_NEIGHBORS
from ml.training.data.sampling import draws
from ml.training.data.table import COLUMNS, brain_rows, read_table
from ml.training.detector.features import Maps
from ml.training.export import Run, export, record, with_series, write_manifest
from ml.training.gate import refit
from tests.ml.conftest import table_row
from tests.ml.training import small

COPIES = 8
SERIES = {
    "method": OF_NEIGHBORS, "neighbors": 0.0, "sharpness": 2.0, "slope": 1.0, "intercept": 0.0, "threshold": 0.5,
    "uncertain": [0.4, 0.6],
}  # fmt: skip


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    return make_table([table_row(n, split="train") for n in range(4)], columns=COLUMNS)


@pytest.fixture
def artifact(tmp_path: Path, tiny_run: Run) -> Path:
    tiny_run.training["settings"] |= {"seed": 7, "copies": COPIES}
    folder = export(tiny_run, tmp_path / "old", name="tiny")
    record(folder, {"split": "test", "auroc": 0.9})
    with_series(folder, folder, SERIES)
    write_manifest(folder, read_manifest(folder).data | {"similarity": {"floor": 0.7}})
    return folder


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the gate is fitted to; its tensors are 2 afterwards."""
    given: dict[str, Any] = {}

    def maps(some: Any) -> Maps:
        given["copies"] = list(some)
        chunk = np.zeros((len(some), 28, 28, 256), np.float16), np.zeros((len(some), 14, 14), np.int8)
        return Maps(len(some), lambda number: chunk, key="")

    def fit_gate(brains: Any, others: Any, *, val: Any, seed: int) -> Any:
        given.update(brains=brains, seed=seed)
        return {"gate/bias": np.full(1, 2, np.float32)}, {"limit": 0.5}

    monkeypatch.setattr(refit, "Extractor", lambda tensors, **_: SimpleNamespace(forward=None, maps=maps))
    monkeypatch.setattr(refit, "collect", lambda forward, rows, *, seed: (small.no_images(),) * 3)
    monkeypatch.setattr(refit, "fit_gate", fit_gate)
    monkeypatch.setattr("ml.training.data.near_duplicates.drop_near_duplicates", lambda rows: rows)
    return given


def command(artifact: Path, table: Path, out: Path) -> list[str]:
    return ["fit-gate", "--model", str(artifact), "--data", str(table), "--out", str(out), "--work", str(out / "work")]


def test_only_the_gate_changes(
    artifact: Path, table: Path, fitted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(artifact, table, tmp_path / "new")) == 0
    old, new = read_manifest(artifact), read_manifest(tmp_path / "new")
    assert json.loads(capsys.readouterr().out) == new.data["gate"] == {"limit": 0.5}
    assert (new.name, new.data["training"]) == (old.name, old.data["training"])
    before, after = read_tensors(old), read_tensors(new)
    assert {name for name in before if not np.array_equal(before[name], after[name])} == {"gate/bias"}
    assert after["gate/bias"].tolist() == [2.0]
    assert np.array_equal(read_hashes(new).hashes, read_hashes(old).hashes)
    assert "series" in old.data and "series" not in new.data  # both depend on what the gate lets pass
    assert new.data["metrics"] == {"validation": None, "test": None}
    assert new.data["similarity"] == old.data["similarity"] == {"floor": 0.7}
    assert new.digest != old.digest


def test_it_sees_the_copies_of_the_training(
    artifact: Path, table: Path, fitted: dict[str, Any], tmp_path: Path
) -> None:
    assert main(command(artifact, table, tmp_path / "new")) == 0
    drawn = draws(brain_rows(read_table(table), "train"), copies=COPIES, seed=7)
    names = {(row.key, round_) for row, round_ in fitted["copies"]}
    assert names == {(row.key, round_) for row, round_ in drawn} and len(names) == COPIES
    assert len(fitted["brains"].names) == COPIES and fitted["seed"] == 7


def test_an_artifact_that_does_not_say_what_it_learned_from(
    tiny_artifact: Path, table: Path, fitted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tiny_artifact, table, tmp_path / "new")) != 0
    assert "does not say with which seed and copies it was trained" in capsys.readouterr().err
    assert not (tmp_path / "new").exists() and not fitted
