"""A file of many slices through one model: each judged as it would be alone, none kept, and one answer for all."""

import json
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml import analyze, analyze_series, readers
from ml.cli import main
from ml.contracts import Image, ModelUnavailable, UnreadableImage
from ml.inference.registry import Model
from ml.model.series_calibration import OF_NEIGHBORS
from ml.readers.values import GrayValues, of_image
from tests import builders
from tests.fakes import fake_model as stand_in


class FakeSlices:
    """Slices that count how many of their images are alive when another one is decoded."""

    def __init__(self, frames: int, damaged: tuple[int, ...] = ()) -> None:
        self.frames, self.damaged = frames, damaged
        self.alive: list[weakref.ref[np.ndarray]] = []
        self.most = 0

    def image(self, index: int) -> Image:
        self.most = max(self.most, sum(one() is not None for one in self.alive))
        if index in self.damaged:
            raise UnreadableImage("damaged", "The frame is cut off.")
        pixels = builders.phantom(96, seed=index)
        self.alive.append(weakref.ref(pixels))
        return Image(pixels, "test", 96, 96)

    def values(self, index: int) -> GrayValues:
        return of_image(self.image(index).pixels)


def test_each_slice_has_the_result_that_it_has_alone() -> None:
    model, slices = stand_in(0.9), FakeSlices(6)
    found = analyze_series(model, slices)
    assert [one.outcome for one in found.slices] == ["tumor"] * 6
    assert [one.prediction for one in found.slices] == [analyze(model, slices.image(n)).prediction for n in range(6)]
    assert found.summary.outcome == "tumor"
    assert found.summary.accepted == 6
    assert found.summary.extent == (0, 5)
    assert found.milliseconds["total"] == pytest.approx(sum(one.milliseconds["total"] for one in found.slices), abs=0.1)


def test_no_image_is_kept_when_the_next_is_decoded() -> None:
    slices = FakeSlices(9)
    analyze_series(stand_in(0.9), slices, batch=4)
    assert slices.most == 0


def test_progress_is_told_after_each_slice() -> None:
    told: list[tuple[int, int]] = []
    analyze_series(stand_in(0.9), FakeSlices(9), progress=lambda done, frames: told.append((done, frames)), batch=4)
    assert told == [(done, 9) for done in range(1, 10)]


def test_a_damaged_slice_is_refused_and_the_others_are_judged() -> None:
    found = analyze_series(stand_in(0.9), FakeSlices(5, damaged=(2,)))
    assert [one.outcome == "refused" for one in found.slices] == [False, False, True, False, False]
    assert found.slices[2].gate.reason == "damaged"
    assert found.summary.outcome == "tumor"
    assert found.summary.extent is not None


def test_a_series_of_nothing_is_refused_with_the_reason() -> None:
    found = analyze_series(stand_in(0.9), readers.open_file(builders.nifti_bytes(5, blank=True)))
    assert found.summary.outcome == "refused"
    assert found.as_dict()["gate"]["reason"] == "blank"
    assert found.as_dict()["evidence"] is None


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("damaged", [(), (0,)])
def test_a_series_of_one_slice_has_its_result(fitted: bool, damaged: tuple[int, ...]) -> None:
    model = stand_in(0.52)
    model = model if fitted else replace(model, series=None)
    slices = FakeSlices(1, damaged)
    found = analyze_series(model, slices)
    said = found.as_dict()
    series = said.pop("series")
    alone = found.slices[0].as_dict()
    assert said == alone
    assert said["uncertain"] is not bool(damaged)
    assert (series["frames"], series["accepted"]) == (1, 0 if damaged else 1)
    assert series["extent"] == (None if damaged else [0, 0])


def test_a_model_without_the_fit_says_that_it_judges_no_series() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        analyze_series(replace(stand_in(0.9), series=None), FakeSlices(2))
    assert caught.value.code == "series_unfitted"


def test_the_record_has_the_names_of_an_image_and_its_slices() -> None:
    model = stand_in(0.9)
    found = analyze_series(model, readers.open_file(builders.nifti_bytes(6)))
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert set(said) == {*analyze(model, builders.png_bytes()).as_dict(), "series"}
    assert said["model"] == model.manifest.label
    series = said["series"]
    assert (series["frames"], series["accepted"]) == (6, 6)
    assert [one["index"] for one in series["slices"]] == list(range(6))
    assert {"outcome", "tumor_probability", "type_probabilities", "evidence", "gate"} <= set(series["slices"][0])
    assert said["evidence"] == series["slices"][series["top"][0]]["evidence"]


def with_series(model: Model) -> None:
    file = model.manifest.path / "manifest.json"
    entry = {
        "method": OF_NEIGHBORS,
        "sharpness": 2.0,
        "neighbors": 0.0,
        "slope": 1.0,
        "intercept": 0.0,
        "threshold": 0.5,
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | {"series": entry | {"uncertain": [0.4, 0.6]}}))


@pytest.mark.parametrize("many", [builders.nifti_bytes(5), builders.dicom_bytes(np.stack([builders.phantom(96)] * 3))])
def test_predict_answers_for_a_file_of_many_slices(
    fake_model: Model, many: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_series(fake_model)
    files = [tmp_path / name for name in ("a.png", "b", "c.png")]
    for file, data in zip(files, (builders.png_bytes(), many, builders.TEXT), strict=True):
        file.write_bytes(data)
    assert main(["predict", "--model", str(fake_model.manifest.path), "--batch", "3", *map(str, files)]) == 0
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [item["file"] for item in (first, second, third)] == list(map(str, files))
    assert "series" not in first
    assert "series" not in third
    assert second["gate"]["reason"] != "many_slices"
    assert len(second["series"]["slices"]) == second["series"]["frames"] == readers.open_file(many).frames


def test_predict_refuses_a_series_where_the_model_judges_none(
    fake_model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "volume").write_bytes(builders.nifti_bytes(5))
    assert main(["predict", "--model", str(fake_model.manifest.path), str(tmp_path / "volume")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outcome"] == "refused"
    assert said["gate"]["reason"] == "many_slices"
