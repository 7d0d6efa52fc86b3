"""Two models on the same images: their figures, and which answers flipped."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.contracts import BrainscanError
from ml.training.data.table import Row
from ml.training.evaluation.changes import changes, read, results, table
from ml.training.evaluation.scored import Scored
from tests.ml.conftest import table_row
from tests.ml.training.simulated import row


def said(model: str, probabilities: dict[str, float], threshold: float = 0.5) -> dict[str, Any]:
    return {"model": model, "threshold": threshold, "probabilities": probabilities}


@pytest.fixture
def rows() -> list[Row]:
    return [row(n, label="tumor" if n < 3 else "no_tumor", source="a" if n % 2 else "b") for n in range(6)]


@pytest.fixture
def before() -> dict[str, Any]:
    return said("old@1", {f"images/{n}.png": p for n, p in enumerate((0.9, 0.2, 0.3, 0.8, 0.1))}, threshold=0.25)


@pytest.fixture
def after() -> dict[str, Any]:
    return said("new@2", {f"images/{n}.png": p for n, p in enumerate((0.9, 0.7, 0.2, 0.1, 0.6, 0.1))})


def test_flips_and_figures_over_what_both_judged(
    rows: list[Row], before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = changes(rows, before, after)
    assert (found["before"], found["after"]) == ("old@1", "new@2")
    pooled = found["sources"]["pooled"]
    assert pooled["n"] == 5  # the old model refused the last
    assert (pooled["wrong_to_right"], pooled["right_to_wrong"]) == (2, 2)
    assert pooled["before"] == {"sensitivity": pytest.approx(2 / 3), "specificity": 0.5, "auroc": pytest.approx(2 / 3)}
    assert pooled["after"] == {"sensitivity": pytest.approx(2 / 3), "specificity": 0.5, "auroc": pytest.approx(5 / 6)}
    assert (found["sources"]["a"]["n"], found["sources"]["b"]["n"]) == (2, 3)
    assert found["sources"]["b"]["right_to_wrong"] == 2
    assert found["sources"]["a"]["wrong_to_right"] == 2


def test_the_table_shows_each_figure_before_and_after(
    rows: list[Row], before: dict[str, Any], after: dict[str, Any]
) -> None:
    only = [one for one in rows if one.tumor]
    lines = table(changes(only, before, after)).splitlines()
    assert lines[2] == "| a | 1 | 0.000 → 1.000 | – → – | – → – | 1 | 0 |"


def test_what_is_written_is_what_is_compared(rows: list[Row], tmp_path: Path) -> None:
    scored = Scored(rows, np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), np.zeros((6, 4)))
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results({"model": "m@1", "threshold": 0.5, "without": None}, scored)))
    assert read(file)["probabilities"]["images/3.png"] == 0.4
    assert changes(rows, read(file), read(file))["sources"]["pooled"]["right_to_wrong"] == 0


def test_models_that_judged_other_images_cannot_be_compared(rows: list[Row], before: dict[str, Any]) -> None:
    with pytest.raises(BrainscanError, match="judged by both"):
        changes(rows, before, said("new@2", {"images/99.png": 0.5}))


@pytest.mark.parametrize("content", ["{", "[]", "{}", None])
def test_a_file_of_something_else_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "results.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BrainscanError, match=r"results\.json holds no results"):
        read(file)


def test_the_command_prints_and_writes(make_table: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_table([table_row(1), table_row(2, label="no_tumor", type="")])
    keys = [table_row(n)["path"] for n in (1, 2)]
    for name, scores in (("before", (0.1, 0.1)), ("after", (0.9, 0.1))):
        (tmp_path / name).write_text(json.dumps(said(name, dict(zip(keys, scores, strict=True)))))
    out = tmp_path / "changes.json"
    command = ["changes", str(tmp_path / "before"), str(tmp_path / "after"), "--data", str(data), "--out", str(out)]
    assert main(command) == 0
    assert "| pooled | 2 | 0.000 → 1.000 | 1.000 → 1.000 | 0.500 → 1.000 | 1 | 0 |" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
