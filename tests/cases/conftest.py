"""The shipped model in the real intake, pipeline and command line, in one process; each picture passes it once."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from numpy.typing import NDArray

import ml
from diagnosis.inference import model_versions, pipeline
from diagnosis.models import Prediction
from diagnosis.models.prediction import ACTIVE
from ml.model.vgg16 import FEATURE_LAYERS, Maps

FOLDER = Path(os.environ.get("BRAINSCAN_CASES", Path(__file__).resolve().parents[3] / "shared" / "cases"))


class Remembering:
    """An engine that runs each input once: most cases show the same slices, and every entrance asks for them."""

    concurrent_passes = 1

    def __init__(self, engine: Any) -> None:
        self.name, self._engine = engine.name, engine
        self._known: dict[bytes, Maps] = {}

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        rows = [self._row(one) for one in batch]
        return Maps(**{tap: np.concatenate([getattr(row, tap) for row in rows]) for tap in FEATURE_LAYERS})

    def _row(self, one: NDArray[np.float32]) -> Maps:
        key = one.tobytes()
        if key not in self._known:
            self._known[key] = self._engine.forward(one[None])
        return self._known[key]


@pytest.fixture(scope="session")
def _model() -> ml.Model:
    shipped = ml.load_model(engine="ncnn")
    return replace(shipped, engine=Remembering(shipped.engine))


@pytest.fixture
def shipped_model(_model: ml.Model, monkeypatch: pytest.MonkeyPatch) -> ml.Model:
    """The shipped model, wherever one is loaded."""
    monkeypatch.setattr("ml.cli.serving.load_model", lambda *_, **__: _model)
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: _model)
    return _model


@pytest.fixture
def site(shipped_model: ml.Model, user: User) -> Callable[[], None]:
    """A site with the shipped model. Call it to do what a worker does until nothing is queued."""
    model_versions.register_default()

    def work() -> None:
        Prediction.objects.update(not_before=None)  # nothing more will arrive
        while (waiting := Prediction.objects.filter(state__in=ACTIVE).order_by("pk").first()) is not None:
            assert pipeline.run(prediction_id=waiting.pk)

    return work


@pytest.fixture
def case_file() -> Callable[[str], Path]:
    """The path of a case; skips where the folder is absent."""

    def find(name: str) -> Path:
        if not (FOLDER / "README.md").is_file():
            pytest.skip(f"needs the files of {FOLDER.name} (set BRAINSCAN_CASES)")
        return FOLDER / name

    return find


@pytest.fixture
def predict(shipped_model: ml.Model, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], dict[str, Any]]:
    """What `python -m ml predict FILE` prints."""
    from ml.cli import main

    def run(path: Path) -> dict[str, Any]:
        assert main(["predict", str(path)]) == 0
        [line] = capsys.readouterr().out.splitlines()
        return dict(json.loads(line))

    return run
