"""The whole way on a handful of phantoms: one command from a table to an artifact that answers."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.inference.registry import Model, read_hashes, read_manifest, read_tensors
from ml.training import fit_heads, run
from ml.training.calibration import series_fit
from ml.training.calibration.calibrate import calibrate
from ml.training.data import series_table
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import COLUMNS, Row, TableError
from ml.training.detector import fit
from ml.training.detector.features import Extractor
from ml.training.settings import NAME, Settings
from tests.fakes import open_gate
from tests.ml.conftest import table_row
from tests.ml.training import small
from tests.ml.training.whole_series import few_candidates, findings, split_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


class Stopped(Exception):
    """The training would begin here."""


BOX = "0.54 0.34 0.70 0.50"  # of a phantom's lesion


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    rows: list[dict[str, Any]] = []
    for split, n in (("train", 2), ("val", 2), ("test", 1)):
        rows += [table_row(len(rows) + i, split=split, boxes=BOX) for i in range(n)]
        rows += [table_row(len(rows) + i, split=split, label="no_tumor", type="") for i in range(n)]
    return make_table(rows, columns=(*COLUMNS, "sequence"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, base_weights: Callable[[str], dict[str, Any]]) -> None:
    """VGG16 with drawn weights; two images in a step; an open gate, as fitting one takes thousands of images; and, as
    two steps teach next to nothing, logits that a calibration can be fitted to."""

    def separable(rows: list[Any], logits: Any, types: Any) -> Any:
        assert logits.shape == (len(rows),)
        assert np.isfinite(logits).all()
        return calibrate(rows, 2.0 * tumor_targets(rows) - 1, types)

    monkeypatch.setattr("ml.training.metrics.RESAMPLES", 10)  # intervals have tests of their own
    monkeypatch.setattr(fit_heads, "collect", lambda forward, rows, *, seed: (small.no_images(), None, None))
    monkeypatch.setattr(fit_heads, "fit_gate", lambda *images, val, seed: (open_gate(), {"what": "open"}))
    monkeypatch.setattr(fit_heads, "calibrate", separable)
    monkeypatch.setattr(run, "drop_near_duplicates", lambda rows: rows)  # phantoms look alike
    monkeypatch.setattr(run, "base_weights", base_weights)
    monkeypatch.setattr("ml.cli.training.Settings", lambda: Settings(batch=2))


def test_from_a_table_to_an_artifact(
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    base_weights: Callable[[str], dict[str, Any]],
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    command = ["train", "--data", str(table), "--out", str(out), "--work", str(work)]
    command += ["--copies", "4", "--sections", "2", "--seed", "7"]
    assert main(command) == 0
    assert "| pooled | 2 (1 / 1) |" in capsys.readouterr().out

    manifest = read_manifest(out)
    training, metrics = manifest.data["training"], manifest.data["metrics"]
    assert training["counts"]["train"]["here"] == {"no_tumor": 2, "tumor": 2}
    assert {name: training["settings"][name] for name in ("seed", "copies", "sections")} == {
        "seed": 7, "copies": 4, "sections": 2,
    }  # fmt: skip
    assert training["copies"] == 4
    assert training["init"] is None
    assert training["guessed"]["sequence"] == {"table": 0.5, "drawn": 0.5}
    assert len(training["sections"]) == 2
    assert metrics["validation"]["sources"]["pooled"]["n"] == 4
    assert metrics["test"]["model"] == manifest.label
    assert str(tmp_path) not in json.dumps(manifest.data)
    assert read_hashes(manifest).validation.tolist() == [False] * 4 + [True] * 4
    tensors = read_tensors(manifest)
    base = base_weights("imagenet")
    for name in ("block1_conv1/kernel", "block3_conv3/kernel"):
        np.testing.assert_array_equal(tensors[name], base[name])  # the trunk keeps what it had
    assert (tensors["block5_conv3/kernel"] != base["block5_conv3/kernel"]).any()
    assert (work / "evaluation" / "history.png").is_file()
    for split in ("val", "test"):
        assert {file.name for file in (work / f"evaluation-{split}").iterdir()} >= {"evaluation.json", "roc.png"}

    def computed(self: object, batch: object) -> None:
        raise AssertionError("maps were computed again")

    monkeypatch.setattr(Extractor, "_forward", computed)
    monkeypatch.setattr("ml.training.evaluation.plots.write_all", lambda summary, scored, out: [])  # they were, above
    assert main(command) == 0
    assert read_manifest(out).digest == manifest.digest

    again = tmp_path / "again"
    assert main(["export", "--run", str(work / "run"), "--out", str(again)]) == 0
    assert read_manifest(again).digest == manifest.digest
    assert main(["evaluate", "--model", str(again), "--data", str(table), "--split", "train", "--record"]) == 2
    same = ["--engine", "tensorflow"]  # as training itself measures
    assert main(["evaluate", "--model", str(again), "--data", str(table), "--json", "--record", *same]) == 0
    assert read_manifest(again).data["metrics"]["test"]["sources"] == metrics["test"]["sources"]


def test_an_artifact_is_tuned_further(
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    base_weights: Callable[[str], dict[str, Any]],
) -> None:
    monkeypatch.setattr("ml.training.evaluation.plots.write_all", lambda summary, scored, out: [])
    begun, out = read_manifest(), tmp_path / "out"
    fitted: dict[str, Any] = {}

    def kept(*examples: Any, **options: Any) -> fit.Fitted:
        result = fit.fit(*examples, **options)
        fitted.update(result.tensors)
        return result

    monkeypatch.setattr(run, "fit", kept)
    command = ["train", "--data", str(table), "--work", str(tmp_path / "work"), "--copies", "4", "--sections", "1"]
    assert main([*command, "--out", str(out), "--init", str(begun.path)]) == 0
    tuned = read_manifest(out)
    assert tuned.data["training"]["init"] == begun.label
    again = f'make train DATA=folder/{table.name} ARGS="--init artifacts/{begun.path.name}"'
    assert tuned.data["training"]["command"] == again
    assert tuned.digest != begun.digest
    before, after, base = read_tensors(begun), read_tensors(tuned), base_weights("imagenet")
    for name in ("cell/kernel", "type/kernel", "block5_conv3/kernel"):
        assert 0 < np.abs(after[name] - before[name]).max() < 0.1
        np.testing.assert_allclose(after[name], 0.7 * fitted[name] + 0.3 * before[name], rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(after["block3_conv3/kernel"], base["block3_conv3/kernel"])  # the trunk of any of ours


def test_a_source_is_left_out_and_judged(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here up to the training itself; what it learns from has no image of that source."""
    text = table.read_text()
    others = text[text.index("\n") + 1 :].replace("images/", "images/../images/").replace("here", "there")
    table.write_text(text + re.sub(r",g(\d)", r",h\1", others))  # of other patients
    learned: list[Row] = []

    def learn(job: run.Job, rows: list[Row], **facts: Any) -> Any:
        learned.extend(rows)
        raise Stopped(job.name, job.command)

    monkeypatch.setattr(run, "learn", learn)
    command = ["train", "--data", str(table), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    with pytest.raises(Stopped) as stopped:
        main([*command, "--without", "there"])
    name, again = stopped.value.args
    assert (name, again) == (f"{NAME}-without-there", f'make train DATA=folder/{table.name} ARGS="--without there"')
    assert {(row.source, row.split) for row in learned} == {("here", "train"), ("here", "val"), ("there", "test")}
    assert sum(row.source == "there" for row in learned) == 10
    assert main([*command, "--without", "nowhere"]) == 2


def test_a_table_without_sequences_is_not_trained_on(make_table: Callable[..., Path], tmp_path: Path) -> None:
    job = run.Job(make_table([table_row(1)]), tmp_path / "out", tmp_path / "work", "imagenet", Settings())
    with pytest.raises(TableError, match="column sequence is missing"):
        run.train(job)


def test_an_artifact_of_other_types_is_not_tuned_further(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest()
    others = replace(manifest, data=manifest.data | {"types": ["glioma", "meningioma", "pituitary"]})
    monkeypatch.setattr(run, "read_manifest", lambda folder: others)
    monkeypatch.setattr(run, "fit", lambda *given, start, **settings: pytest.fail("it was trained"))
    command = ["train", "--data", str(table), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert main([*command, "--copies", "4", "--sections", "1", "--init", str(manifest.path)]) != 0
    assert "other tumor types" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["", "data.csv"], ids=["folder", "file"])
def test_whole_series_are_fitted_and_judged_through_the_exported_artifact(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_model: Model
) -> None:
    """With a table of series beside the data table; without one the artifact judges single slices only."""
    few_candidates(monkeypatch)
    out = fake_model.manifest.path
    monkeypatch.setattr(run, "load_model", lambda path, engine: fake_model)
    members = {"val": split_of(4), "test": split_of(3)}
    monkeypatch.setattr(
        series_table, "split_series", lambda folder, split: members[split] if folder == tmp_path else []
    )
    monkeypatch.setattr(series_fit, "read", lambda model, series: findings(series))
    job = run.Job(tmp_path / table if table else tmp_path, out, tmp_path, "imagenet", Settings())
    run._series(job)
    assert read_manifest(out).series is None
    (tmp_path / "series.csv").touch()
    run._series(job)
    manifest = read_manifest(out)
    assert manifest.series is not None
    figures = manifest.data["metrics"]["series"]
    assert {split: figures[split]["all"]["patients"] for split in figures} == {"val": 8, "test": 6}
    run._series(replace(job, without="there"))  # all healthy heads
    figures = read_manifest(out).data["metrics"]["series"]
    assert {split: figures[split]["all"]["patients"] for split in figures} == {"val": 4, "test": 3}
