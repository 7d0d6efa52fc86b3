"""The report of a split: per source and pooled, with reasons where a figure is not defined."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.registry import Model
from ml.training import evaluate
from ml.training.report import Scored, report
from ml.training.splits import TableError, read_table
from ml.training.tables import markdown
from tests.ml.conftest import table_row

Make = Callable[..., Path]


@pytest.fixture
def summary(make_table: Make) -> dict[str, Any]:
    table = [table_row(n, source="mixed", group=f"m{n // 2}") for n in range(6)]
    table += [table_row(n, source="mixed", label="no_tumor", type="", group=f"m{n // 2}") for n in range(6, 12)]
    table += [table_row(n, source="ill", type="meningioma") for n in range(12, 16)]
    rows = read_table(make_table(table, pictures=False))
    scores = np.array([0.9] * 5 + [0.3] + [0.1] * 5 + [0.7] + [0.8] * 4)
    types = np.tile([0.6, 0.3, 0.1], (16, 1))
    return report(Scored(rows, scores, types), threshold=0.5, refused=[rows[0]])


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


def test_one_class_gives_a_reason_instead_of_a_figure(summary: dict[str, Any]) -> None:
    ill = summary["sources"]["ill"]
    assert ill["auroc"] == {"value": None, "interval": None, "reason": "only one class stands in this source"}
    assert ill["specificity"]["value"] is None
    assert ill["sensitivity"]["value"] == 1


def test_types_only_where_known(summary: dict[str, Any]) -> None:
    pooled = summary["sources"]["pooled"]["type"]
    assert pooled["n"] == 10
    assert pooled["accuracy"]["value"] == pytest.approx(0.6)
    assert pooled["confusion"]["true_by_predicted"] == [[6, 0, 0], [4, 0, 0], [0, 0, 0]]


def test_it_is_json_and_a_table(summary: dict[str, Any]) -> None:
    json.dumps(summary, allow_nan=False)
    text = markdown(summary)
    assert len(text.splitlines()) == 5
    assert "| ill | 4 (4 / 0) |" in text


def test_evaluation_takes_the_shipped_path(fake_model: Model, make_table: Make, tmp_path: Path) -> None:
    table = [table_row(n, split="test") for n in range(3)]
    table += [table_row(n, split="test", label="no_tumor", type="") for n in range(3, 6)]
    table += [table_row(6), table_row(7, split="test", label="not_brain_mri", type="")]
    rows = read_table(make_table(table))
    rows[0].path.write_bytes(b"")
    summary, scored = evaluate.evaluate(fake_model, rows, split="test", batch=4)
    assert summary["model"] == fake_model.manifest.label
    assert summary["sources"]["pooled"]["n"] == 5
    assert summary["sources"]["here"]["refused"] == 1
    files = evaluate.write(summary, scored, tmp_path / "out")
    assert sorted(file.name for file in files) == ["confusion.png", "evaluation.json", "reliability.png", "roc.png"]
    assert json.loads(files[0].read_text()) == summary


def test_a_split_without_pictures(fake_model: Model, make_table: Make) -> None:
    rows = read_table(make_table([table_row(1)]))
    with pytest.raises(TableError, match="'val'"):
        evaluate.evaluate(fake_model, rows, split="val")
