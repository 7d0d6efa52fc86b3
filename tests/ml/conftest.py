"""Fixtures for `ml`: tables on disk, a small artifact, and an engine that needs no framework."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml import registry
from ml.heads import HIDDEN_UNITS, Heads
from ml.registry import Model
from ml.training.export import Run, export
from ml.training.splits import COLUMNS
from tests.builders import phantom, png_bytes

CHANNELS = 512


class FakeEngine:
    """Gives a map whose first channel is the picture's mean gray and whose others are 0; counts its calls."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(len(batch))
        features = np.zeros((len(batch), 14, 14, CHANNELS), np.float32)
        features[..., 0] = batch.mean(axis=(1, 2, 3))[:, None, None] / 50
        return features


def random_heads(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Heads' tensors of the right names and shapes, drawn small."""
    rng = np.random.default_rng(seed)
    shapes = {"hidden": (CHANNELS, HIDDEN_UNITS), "tumor": (HIDDEN_UNITS, 2), "type": (HIDDEN_UNITS, 3)}
    tensors = {}
    for name, shape in shapes.items():
        tensors[f"{name}/kernel"] = rng.normal(0, 0.1, shape).astype(np.float32)
        tensors[f"{name}/bias"] = rng.normal(0, 0.1, shape[1]).astype(np.float32)
    return tensors


@pytest.fixture
def tiny_run() -> Run:
    """A run whose base is one small tensor: enough for everything but the convolutions."""
    base = {"block1_conv1/kernel": np.ones((3, 3, 3, 4), np.float32)}
    training = {
        "command": "make train DATA=folder",
        "seed": 1,
        "settings": {"rounds": 1},
        "epochs": {"run": 3, "taken": 2},
        "base": {"what": "VGG16", "citation": "a paper", "license": "CC BY 4.0"},
        "sources": {"here": {"what": "slices", "citation": "a paper", "license": "CC0"}},
        "counts": {"train": {"here": {"tumor": 2, "no_tumor": 1}}},
        "groups": {"train": 3, "val": 1, "test": 1},
    }
    return Run(base, random_heads(), 0.4, training, {"threshold": 0.4, "sources": {}})


@pytest.fixture
def tiny_artifact(tmp_path: Path, tiny_run: Run) -> Path:
    """That run as an artifact folder."""
    return export(tiny_run, tmp_path / "artifact", name="tiny")


@pytest.fixture
def fake_model(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model of random heads behind `FakeEngine`; `load_model` gives it for that artifact too."""
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "load_engine", lambda name, tensors: FakeEngine())
    return registry.load_model(tiny_artifact)


@pytest.fixture
def sure_model(fake_model: Model) -> Callable[[bool], Model]:
    """A model that always says tumor, or never."""

    def build(tumor: bool) -> Model:
        heads = Heads.from_tensors(random_heads())
        bias = np.array([-50, 50] if tumor else [50, -50], np.float32)
        return replace(fake_model, heads=replace(heads, tumor=(heads.tumor[0], bias)))

    return build


@pytest.fixture
def make_table(tmp_path: Path) -> Callable[..., Path]:
    """Write a data table, and phantoms for its paths; returns the CSV file."""

    def build(rows: list[dict[str, Any]], *, columns: tuple[str, ...] = COLUMNS, pictures: bool = True) -> Path:
        file = tmp_path / "scans.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        for number, row in enumerate(rows if pictures else []):
            picture = tmp_path / row["path"]
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(png_bytes(phantom(96, lesion=row["label"] == "tumor", seed=number)))
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
