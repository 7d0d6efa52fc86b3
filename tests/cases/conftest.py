"""The shipped model in the real intake, pipeline and command line, in one process; each image passes it once."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from django.contrib.auth.models import User
from numpy.typing import NDArray

import ml
from diagnosis.inference import model_versions, pipeline
from diagnosis.models import Prediction
from diagnosis.models.prediction import ACTIVE
from ml.contracts import Image
from ml.model.vgg16 import FEATURE_LAYERS, Maps
from ml.readers.values import GrayValues

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


@dataclass(frozen=True, slots=True)
class Planes:
    """Slices as bare arrays."""

    planes: list[NDArray[Any]]

    @property
    def frames(self) -> int:
        return len(self.planes)

    def image(self, index: int) -> Image:
        height, width = self.planes[index].shape
        return Image(self.planes[index], "bare", width, height)

    def values(self, index: int) -> GrayValues:
        raise NotImplementedError


@pytest.fixture(scope="session")
def reference(_model: ml.Model) -> dict[str, dict[str, Any]]:
    """What the model says of the slice and of both series, read by pydicom alone and ordered by position."""
    _skip_where_absent()
    alone = pydicom.dcmread(FOLDER / "bodypart_kopf.dcm").pixel_array
    with zipfile.ZipFile(FOLDER / "two_acquisitions.zip") as archive:
        files = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    files.sort(key=lambda file: (file.AcquisitionNumber, file.ImagePositionPatient[2]))
    planes = [file.pixel_array for file in files]
    parts = {"slice": [alone], "flair": planes[:14], "t1c": planes[14:]}
    return {name: ml.analyze_series(_model, Planes(part)).as_dict() for name, part in parts.items()}


def _skip_where_absent() -> None:
    if not (FOLDER / "README.md").is_file():
        pytest.skip(f"needs the files of {FOLDER.name} (set BRAINSCAN_CASES)")


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
        _skip_where_absent()
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
