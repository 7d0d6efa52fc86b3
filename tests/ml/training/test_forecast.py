"""A forecast on a handful of phantoms: nothing of a source that is left out is learned from, all of it is judged."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.training import forecast
from ml.training.calibration.calibrate import calibrate
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import COLUMNS, Row
from ml.training.detector.features import Maps
from ml.training.detector.fit import Examples, Fitted, fit
from ml.training.detector.validate import Reader
from ml.training.evaluation.left_out import LEFT_OUT, REFERENCE, SAME
from ml.training.settings import FORECAST
from tests.ml.conftest import table_row


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    """Two images of each of three sources in each split, one with a tumor."""
    rows: list[dict[str, Any]] = []
    for source, split in product(("here", "there", "far"), ("train", "val", "test")):
        for label, type_ in (("tumor", "glioma"), ("no_tumor", "")):
            rows += [table_row(len(rows), split=split, source=source, label=label, type=type_)]
    return make_table(rows, columns=(*COLUMNS, "sequence"))


@dataclass
class Watched:
    """What each training learned from and made; the images behind each curve; the maps that each network read."""

    learned: list[Examples] = field(default_factory=list)
    made: list[Fitted] = field(default_factory=list)
    curves: list[list[Row]] = field(default_factory=list)
    read: list[tuple[int, Maps]] = field(default_factory=list)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, base_weights: Any) -> Watched:
    """With drawn weights of VGG16, and logits that a calibration can be fitted to. Images of the source here are copies
    of one there, and are dropped when that one is in the test split."""
    seen = Watched()

    def noted(train: Examples, val: Examples, **given: Any) -> Fitted:
        seen.learned.append(train)
        seen.made.append(fit(train, val, **given))
        return seen.made[-1]

    def separable(rows: list[Any], logits: Any, types: Any) -> Any:
        assert np.isfinite(logits).all()
        assert len(logits) == len(types) == len(rows)
        seen.curves.append(rows)
        return calibrate(rows, 2.0 * tumor_targets(rows) - 1, types)

    def read(self: Reader, maps: Maps) -> Any:
        seen.read.append((len(seen.made), maps))
        return original(self, maps)

    original = Reader.read
    monkeypatch.setattr(forecast, "fit", noted)
    monkeypatch.setattr(forecast, "calibrate", separable)
    monkeypatch.setattr(Reader, "read", read)
    monkeypatch.setattr(forecast, "base_weights", base_weights)
    monkeypatch.setattr(forecast, "drop_near_duplicates", _without_a_copy)
    monkeypatch.setattr("ml.cli.training.FORECAST", replace(FORECAST, batch=2))
    return seen


COPY, ORIGINAL = "images/0.png", "images/6.png"


def _without_a_copy(rows: list[Row]) -> list[Row]:
    """Phantoms look alike, so the rule itself would drop them all."""
    tested = {row.key for row in rows if row.split == "test"}
    return [row for row in rows if not (row.key == COPY and ORIGINAL in tested)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_each_source_is_judged_by_a_training_without_it(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "figures" / "left-out.json"
    command = ["forecast", "there", "--data", str(table), "--work", str(tmp_path / "work"), "--out", str(out)]
    command += ["--drawn", "12", "--steps", "1"]
    assert main(command) == 0
    assert "| there | left out | 4 (2 / 2) | 4 |" in capsys.readouterr().out

    reference, without = watched.learned
    assert {row.source for row, _ in reference.draws} == {"here", "there", "far"}
    assert {row.source for row, _ in without.draws} == {"here", "far"}
    assert COPY in {row.key for row, _ in reference.draws}
    assert COPY not in {row.key for row, _ in without.draws}
    assert [{(row.source, row.split) for row in rows} for rows in watched.curves] == [
        {("here", "val"), ("far", "val")}
    ] * 2
    for made in watched.made:
        assert not any(name.startswith("block4") for name in made.tensors)
        assert "block5_conv1/kernel" in made.tensors
    # both read the validation images, the first one's log besides; and the second one drawn images as they are
    assert [(number, len(maps)) for number, maps in watched.read] == [(0, 6), (1, 6), (1, 6), (2, 6), (2, 2)]

    found = json.loads(out.read_text())
    assert {how: one["there"]["n"] for how, one in found["sources"]["there"].items()} == {
        LEFT_OUT: 4, SAME: 2, REFERENCE: 2,
    }  # fmt: skip
    assert "in 1 steps of 2 images" in found["schedule"]
    assert "(6 without there)" in found["schedule"]
    assert found["command"] == "python -m ml forecast there --data folder --out docs/figures/left-out.json"

    def learns(*given: object) -> None:
        raise AssertionError("a finished training was run again")

    monkeypatch.setattr("ml.training.detector.network.Detector.step", learns)
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_sources_of_a_group_are_left_out_together(table: Path, tmp_path: Path, watched: Watched) -> None:
    out = tmp_path / "found.json"
    command = ["forecast", "here,far", "--data", str(table), "--work", str(tmp_path), "--out", str(out)]
    assert main([*command, "--drawn", "12", "--steps", "1"]) == 0
    assert {row.source for row, _ in watched.learned[1].draws} == {"there"}
    assert [{row.source for row in rows} for rows in watched.curves] == [{"there"}] * 2
    found = json.loads(out.read_text())
    assert list(found["sources"]) == ["far", "here"]
    assert "without here and far)" in found["schedule"]


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (["here", "nowhere"], "'nowhere'"),
        (["here", "there,here"], "Named twice: here."),
        pytest.param(["here,there,far"], "not both classes are left", marks=pytest.mark.slow),
        pytest.param(["tested"], "No image of tested is validated on or drawn", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_judged_is_told_before_the_first_training(
    without: list[str],
    said: str,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with table.open("a") as stream:
        stream.write(table.read_text().splitlines()[-1].replace("far", "tested").replace("images/", "images/./") + "\n")
    monkeypatch.setattr(forecast, "fit", lambda *given, **settings: pytest.fail("it was trained"))
    monkeypatch.setattr(forecast, "base_weights", lambda weights: {})
    monkeypatch.setattr(forecast, "drop_near_duplicates", lambda rows: rows)
    assert main(["forecast", *without, "--data", str(table), "--work", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
