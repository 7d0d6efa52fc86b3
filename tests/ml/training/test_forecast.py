"""A forecast on a handful of phantoms: nothing of a source that is left out is learned from, all of it is judged."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.training import forecast
from ml.training.calibration.calibrate import calibrate
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import COLUMNS
from ml.training.detector.fit import Examples, Fitted, fit
from ml.training.evaluation.left_out import LEFT_OUT, REFERENCE, SAME
from ml.training.settings import FORECAST
from tests.ml.conftest import table_row

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    rows: list[dict[str, Any]] = []
    for source, split in product(("here", "there", "far"), ("train", "val", "test")):
        for label, type_ in (("tumor", "glioma"), ("no_tumor", "")):
            rows += [table_row(len(rows), split=split, source=source, label=label, type=type_)]
    return make_table(rows, columns=(*COLUMNS, "sequence"))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch, base_weights: Any) -> list[tuple[Examples, Examples, Fitted]]:
    """What each training learned from, was judged by, and made. VGG16 with drawn weights, and logits that a calibration
    can be fitted to."""
    made: list[tuple[Examples, Examples, Fitted]] = []

    def noted(train: Examples, val: Examples, **given: Any) -> Fitted:
        fitted = fit(train, val, **given)
        made.append((train, val, fitted))
        return fitted

    def separable(rows: list[Any], logits: Any, types: Any) -> Any:
        assert np.isfinite(logits).all()
        return calibrate(rows, 2.0 * tumor_targets(rows) - 1, types)

    monkeypatch.setattr(forecast, "fit", noted)
    monkeypatch.setattr(forecast, "calibrate", separable)
    monkeypatch.setattr(forecast, "base_weights", base_weights)
    monkeypatch.setattr(forecast, "drop_near_duplicates", lambda rows: rows)  # phantoms look alike
    monkeypatch.setattr("ml.cli.training.FORECAST", replace(FORECAST, batch=2, sections=1))
    return made


def test_each_source_is_judged_by_a_training_without_it(
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trainings: list[tuple[Examples, Examples, Fitted]],
) -> None:
    out = tmp_path / "figures" / "left-out.json"
    command = ["forecast", "there", "--data", str(table), "--work", str(tmp_path / "work"), "--out", str(out)]
    command += ["--drawn", "12", "--steps", "2"]
    assert main(command) == 0
    assert "| there | left out | 4 (2 / 2) | 4 |" in capsys.readouterr().out

    sources = [[{row.source for row, _ in one.draws} for one in pair[:2]] for pair in trainings]
    assert sources == [[{"here", "there", "far"}] * 2, [{"here", "far"}] * 2]
    assert [len(train.draws) for train, _, _ in trainings] == [12, 8]
    for _, _, fitted in trainings:
        assert not any(name.startswith("block4") for name in fitted.tensors)
        assert "block5_conv1/kernel" in fitted.tensors

    found = json.loads(out.read_text())
    assert {how: one["there"]["n"] for how, one in found["sources"]["there"].items()} == {
        LEFT_OUT: 4, SAME: 2, REFERENCE: 2,
    }  # fmt: skip
    assert "in 2 steps of 2 images, from 12 images and augmented copies" in found["schedule"]
    assert "together" not in found["schedule"]

    def learns(*given: object) -> None:
        raise AssertionError("a finished training was run again")

    monkeypatch.setattr("ml.training.detector.network.Detector.step", learns)
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.parametrize(
    ("without", "said"), [(["here", "nowhere"], "'nowhere'"), (["here", "there,here"], "Named twice: here.")]
)
def test_a_wrong_name_is_told_before_the_first_training(
    without: list[str],
    said: str,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    trainings: list[tuple[Examples, Examples, Fitted]],
) -> None:
    assert main(["forecast", *without, "--data", str(table), "--work", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not trainings


def test_sources_of_a_group_are_left_out_together(
    table: Path, tmp_path: Path, trainings: list[tuple[Examples, Examples, Fitted]]
) -> None:
    out = tmp_path / "found.json"
    command = ["forecast", "there,far", "--data", str(table), "--work", str(tmp_path), "--out", str(out)]
    assert main([*command, "--drawn", "12", "--steps", "1"]) == 0
    assert {row.source for row, _ in trainings[1][0].draws} == {"here"}
    found = json.loads(out.read_text())
    assert list(found["sources"]) == ["far", "there"]
    assert found["schedule"].endswith("Left out together: there and far.")
