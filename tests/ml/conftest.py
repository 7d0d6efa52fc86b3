"""Fixtures for `ml`: tables on disk, a small artifact, and an engine that needs no framework."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES
from ml.inference import registry
from ml.inference.registry import Model
from ml.model import training_hashes
from ml.model.calibration import Calibration
from ml.model.heads import CELLS, CHANNELS, EMBEDDING, HIDDEN_UNITS
from ml.model.vgg16 import Maps
from ml.training.data.table import COLUMNS
from ml.training.export import Run, export
from tests.builders import phantom, png_bytes
from tests.fakes import open_gate

CALIBRATION = Calibration(slope=0.8, intercept=-0.3, type_temperature=1.5, uncertain=(0.3, 0.5))


class FakeEngine:
    """Gives maps whose first channel is the image's mean gray and whose others are 0; counts its calls."""

    name = "fake"
    concurrent_passes = batch = 1

    def __init__(self) -> None:
        self.calls: list[int] = []

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        self.calls.append(len(batch))
        n = len(batch)
        maps = Maps(
            block3=np.zeros((n, 2 * CELLS, 2 * CELLS, CHANNELS // 2), np.float32),
            block5=np.zeros((n, CELLS, CELLS, CHANNELS), np.float32),
        )
        for array in (maps.block3, maps.block5):
            array[..., 0] = batch.mean(axis=(1, 2, 3))[:, None, None] / 50
        return maps


def random_heads(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Heads' tensors of the right names and shapes, drawn small."""
    rng = np.random.default_rng(seed)
    shapes = {
        "cell_hidden": (CHANNELS, HIDDEN_UNITS),
        "cell": (HIDDEN_UNITS, 1),
        "type_hidden": (2 * CHANNELS, HIDDEN_UNITS),
        "type": (HIDDEN_UNITS, len(TUMOR_TYPES)),
        "embedding": (2 * CHANNELS, EMBEDDING),
    }
    tensors = {}
    for name, shape in shapes.items():
        tensors[f"{name}/kernel"] = rng.normal(0, 0.1, shape).astype(np.float32)
        tensors[f"{name}/bias"] = rng.normal(0, 0.1, shape[1]).astype(np.float32)
    return tensors


@pytest.fixture
def tiny_run() -> Run:
    """A run whose base is one small tensor: enough for everything but the convolutions. It knows one image."""
    base = {"block1_conv1/kernel": np.ones((3, 3, 3, 4), np.float32)}
    data, hashed = training_hashes.build([np.arange(64, dtype=np.uint8).reshape(2, 32)], ["train"])
    training = {
        "command": "make train DATA=folder",
        "seed": 1,
        "settings": {"sections": 2, "steps": 3},
        "augmentation": {"version": 2},
        "copies": 6,
        "made": 2,
        "copies_left_out": {"train": 4, "val": 3},
        "precision": "float32",
        "sections": [{"picture": 0.7, "cell": 0.6, "location": 0.5, "type": 0.4, "auroc": 0.8, "type accuracy": 0.5}],
        "base": {"what": "VGG16", "citation": "a paper", "license": "CC BY 4.0"},
        "sources": {"here": {"what": "slices", "citation": "a paper", "license": "CC0"}},
        "counts": {"train": {"here": {"tumor": 2, "no_tumor": 1}}},
        "not_brain": 0,
        "groups": {"train": 3, "val": 1, "test": 1},
        "split": "by group",
    }
    fitted = {"threshold": 0.4, "calibration": CALIBRATION.as_dict(), "operating_point": {}}
    return Run(base | random_heads() | open_gate(), data, hashed, fitted, {}, training)


@pytest.fixture
def tiny_artifact(tmp_path: Path, tiny_run: Run) -> Path:
    """That run as an artifact folder."""
    return export(tiny_run, tmp_path / "artifact", name="tiny")


@pytest.fixture
def fake_model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model of random heads behind `FakeEngine`; `load_model` gives it for that artifact too."""
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "load_engine", lambda name, tensors, threads=None: FakeEngine())
    return registry.load_model(tiny_artifact)


@pytest.fixture
def sure_model(fake_model: Model) -> Callable[[bool], Model]:
    """A model that always says tumor, or never."""

    def build(tumor: bool) -> Model:
        bias = np.array([50 if tumor else -50], np.float32)
        return replace(fake_model, heads=replace(fake_model.heads, cell=(fake_model.heads.cell[0] * 0, bias)))

    return build


@pytest.fixture
def make_table(tmp_path: Path) -> Callable[..., Path]:
    """Write a data table, and phantoms for its paths; returns the CSV file."""

    def build(rows: list[dict[str, Any]], *, columns: tuple[str, ...] = COLUMNS, images: bool = True) -> Path:
        file = tmp_path / "scans.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        for number, row in enumerate(rows if images else []):
            image = tmp_path / row["path"]
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(png_bytes(phantom(96, lesion=row["label"] == "tumor", seed=number)))
        return file

    return build


def table_row(number: int, **changes: Any) -> dict[str, Any]:
    """A valid row; `changes` override its values."""
    row = {
        "path": f"images/{number}.png",
        "source": "here",
        "label": "tumor",
        "type": "glioma",
        "subject": "",
        "group": f"g{number}",
        "split": "train",
        "boxes": "",
    }
    return row | changes
