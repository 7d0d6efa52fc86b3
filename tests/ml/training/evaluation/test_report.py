"""The report of a split: per source and pooled, with reasons where a figure is not defined."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.inference.registry import Model
from ml.training.data.table import TableError, read_table
from ml.training.evaluation import evaluate
from ml.training.evaluation.localization import Localization
from ml.training.evaluation.report import not_brain_report, report
from ml.training.evaluation.scored import Refused, Scored
from ml.training.evaluation.tables import markdown
from tests.ml.conftest import table_row
from tests.ml.training.simulated import analysis, row

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


@pytest.fixture
def summary() -> dict[str, Any]:
    rows = [row(n, source="mixed", group=f"m{n // 2}", type="glioma", sequence="flair") for n in range(6)]
    rows += [row(n, source="mixed", label="no_tumor", group=f"m{n // 2}", sequence="t1c") for n in range(6, 12)]
    rows += [row(n, source="ill", type="meningioma") for n in range(12, 16)]
    scores = np.array([0.9] * 5 + [0.3] + [0.1] * 5 + [0.7] + [0.8] * 4)
    types = np.tile([0.6, 0.3, 0.1], (16, 1))
    localizations = tuple(
        Localization(True, n > 0, 0.5) if n < 4 else Localization(n == 4) if n < 6 else Localization()
        for n in range(16)
    )
    said = Scored(rows, scores, types, uncertain=np.abs(scores - 0.5) < 0.25, localizations=localizations)
    return report(said, threshold=0.5, refused=[Refused(rows[0], "not_brain")])


def test_per_source_and_pooled(summary: dict[str, Any]) -> None:
    assert list(summary["sources"]) == ["ill", "mixed", "pooled"]
    mixed = summary["sources"]["mixed"]
    assert (mixed["n"], mixed["tumor"], mixed["no_tumor"], mixed["groups"], mixed["refused"]) == (12, 6, 6, 6, 1)
    assert mixed["sensitivity"]["value"] == pytest.approx(5 / 6)
    assert mixed["specificity"]["value"] == pytest.approx(5 / 6)
    assert mixed["confusion"]["true_by_predicted"] == [[5, 1], [1, 5]]
    low, high = mixed["auroc"]["interval"]
    assert low <= mixed["auroc"]["value"] <= high
    assert summary["sources"]["pooled"]["n"] == 16


def test_planes_and_heights_where_they_are_known(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number:03d}.png").touch()
    rows = [
        row(n, path=tmp_path / f"{n:03d}.png", plane="axial" if n < 4 else "coronal" if n < 6 else "") for n in range(8)
    ]
    said = Scored(rows, np.full(8, 0.9), np.zeros((8, 4)))
    found = report(said, threshold=0.5, refused=[Refused(rows[5], "not_brain")])
    assert {name: numbers["n"] for name, numbers in found["planes"].items()} == {"axial": 4, "coronal": 2}
    assert found["planes"]["coronal"]["refused"] == 1
    assert {name: numbers["n"] for name, numbers in found["heights"].items()} == {
        "1 lowest fifth": 2,
        "2 second fifth": 2,
    }


def test_one_class_gives_a_reason_instead_of_a_figure(summary: dict[str, Any]) -> None:
    ill = summary["sources"]["ill"]
    assert ill["auroc"] == {"value": None, "interval": None, "reason": "only one class is in this source"}
    assert ill["specificity"]["value"] is None
    assert ill["sensitivity"]["value"] == 1


def test_types_only_where_known(summary: dict[str, Any]) -> None:
    pooled = summary["sources"]["pooled"]["type"]
    assert pooled["n"] == 10
    assert pooled["accuracy"]["value"] == pytest.approx(0.6)
    assert pooled["confusion"]["true_by_predicted"] == [[6, 0, 0, 0], [4, 0, 0, 0], [0] * 4, [0] * 4]


def test_sequences_and_types_stand_for_themselves(summary: dict[str, Any]) -> None:
    assert list(summary["sequences"]) == ["mixed/flair", "mixed/t1c"]
    flair = summary["sequences"]["mixed/flair"]
    assert (flair["n"], flair["refused"], flair["sensitivity"]["value"]) == (6, 1, pytest.approx(5 / 6))
    assert flair["specificity"]["value"] is None
    assert list(summary["types"]) == ["glioma", "meningioma"]
    assert summary["types"]["glioma"]["named"]["value"] == 1
    assert summary["types"]["meningioma"]["named"]["value"] == 0
    assert summary["types"]["meningioma"]["sensitivity"]["value"] == 1


def test_evidence_is_judged_where_the_place_is_known(summary: dict[str, Any]) -> None:
    evidence = summary["sources"]["mixed"]["evidence"]
    assert evidence["in_box_or_mask"]["n"] == 6
    assert evidence["in_box_or_mask"]["value"] == pytest.approx(5 / 6)
    assert (evidence["in_mask"]["n"], evidence["in_mask"]["value"]) == (4, pytest.approx(3 / 4))
    assert evidence["box_overlap"]["value"] == pytest.approx(0.5)
    assert summary["sources"]["ill"]["evidence"]["in_mask"]["reason"].startswith("the table does not say")


def test_calibration_uncertainty_and_refusals_are_counted(summary: dict[str, Any]) -> None:
    pooled = summary["sources"]["pooled"]
    assert pooled["brier"]["value"] == pytest.approx((5 * 0.01 + 0.49 + 5 * 0.01 + 0.49 + 4 * 0.04) / 16)
    assert pooled["calibration_error"]["value"] == pytest.approx((5 * 0.1 + 0.7 + 5 * 0.1 + 0.7 + 4 * 0.2) / 16)
    assert pooled["calibration_error"]["value"] == pooled["reliability"]["expected_calibration_error"]
    assert pooled["uncertain"] == {"n": 2, "share": 0.125, "wrong_inside": 1.0, "wrong_outside": 0.0}
    assert pooled["refusals"]["share"]["value"] == pytest.approx(1 / 17)
    assert pooled["refusals"]["reasons"] == {"not_brain": 1}


def test_other_images_are_counted_by_kind() -> None:
    names = ["photo--1.jpg", "photo--2.jpg", "xray--1.jpg", "loose.jpg"]
    rows = [row(n, path=Path(name), label="not_brain_mri", source="others") for n, name in enumerate(names)]
    results = [analysis(None), analysis(0.9), analysis(None), analysis(0.1)]
    found = not_brain_report(rows, results)
    assert found is not None
    assert list(found) == ["others", "photo", "xray", "pooled"]
    assert found["photo"]["refused"]["value"] == 0.5
    assert (found["photo"]["called_tumor"], found["others"]["called_no_tumor"]) == (1, 1)
    assert found["pooled"]["reasons"] == {"not_brain": 2}
    assert not_brain_report([], []) is None


def test_it_is_json_and_a_table(summary: dict[str, Any]) -> None:
    json.dumps(summary, allow_nan=False)
    text = markdown(summary)
    assert len(text.splitlines()) == 7
    assert "| ill | 4 (4 / 0) |" in text


def test_evaluation_takes_the_shipped_path(fake_model: Model, make_table: Make, tmp_path: Path) -> None:
    table = [table_row(n, split="test") for n in range(3)]
    table += [table_row(n, split="test", label="no_tumor", type="") for n in range(3, 6)]
    table += [table_row(6), table_row(7, split="test", label="not_brain_mri", type="")]
    rows = read_table(make_table(table))
    rows[0].path.write_bytes(b"")
    rows[7].path.write_bytes(b"")
    summary, scored = evaluate.evaluate(fake_model, rows, split="test", batch=4)
    assert summary["model"] == fake_model.manifest.label
    assert summary["sources"]["pooled"]["n"] == 5
    assert summary["sources"]["here"]["refused"] == 1
    assert summary["sources"]["here"]["refusals"]["reasons"] == {"empty": 1}
    assert summary["not_brain"]["here"]["refused"]["value"] == 1
    assert scored.peaks is not None
    assert np.all((scored.peaks >= 0) & (scored.peaks <= 1))
    assert summary["without_copies"]["copies"] == 0
    assert summary["without_copies"]["sources"]["pooled"]["n"] == 5
    files = evaluate.write(summary, scored, tmp_path / "out")
    names = ["confusion.png", "evaluation.json", "reliability.png", "results.json", "roc.png"]
    assert sorted(file.name for file in files) == names
    assert json.loads(files[0].read_text()) == summary


def test_a_split_without_images(fake_model: Model, make_table: Make) -> None:
    rows = read_table(make_table([table_row(1)]))
    with pytest.raises(TableError, match="'val'"):
        evaluate.evaluate(fake_model, rows, split="val")
