"""The whole way on a handful of phantoms: one command from a table to an artifact that answers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.cli import main
from ml.registry import read_manifest
from ml.training import run
from ml.training.features import Extractor
from tests.ml.conftest import table_row

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    rows = []
    for split, n in (("train", 4), ("val", 2), ("test", 2)):
        rows += [table_row(len(rows) + i, split=split) for i in range(n)]
        rows += [table_row(len(rows) + i, split=split, label="no_tumor", type="") for i in range(n)]
    return make_table(rows)


@pytest.fixture(autouse=True)
def _random_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG16 with drawn weights: the real ones are a download."""
    import keras

    from ml.network import base_tensors, build_base

    def drawn(weights: str) -> dict[str, object]:
        keras.utils.set_random_seed(3)
        return {
            name: tensor.astype("float16").astype("float32") for name, tensor in base_tensors(build_base(None)).items()
        }

    monkeypatch.setattr(run, "base_weights", drawn)


def test_from_a_table_to_an_artifact(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    command = ["train", "--data", str(table), "--out", str(out), "--work", str(work), "--rounds", "1", "--epochs", "2"]
    assert main(command) == 0
    assert "| pooled | 4 (2 / 2) |" in capsys.readouterr().out

    manifest = read_manifest(out)
    training, metrics = manifest.data["training"], manifest.data["metrics"]
    assert training["counts"]["train"]["here"] == {"no_tumor": 4, "tumor": 4}
    assert training["settings"]["rounds"] == 1
    assert training["epochs"]["run"] <= 2
    assert metrics["validation"]["sources"]["pooled"]["n"] == 4
    assert metrics["test"]["model"] == manifest.label
    assert str(tmp_path) not in json.dumps(manifest.data)
    assert {file.name for file in (work / "evaluation").iterdir()} >= {"evaluation.json", "roc.png", "losses.png"}

    def computed(self: object, batch: object) -> None:
        raise AssertionError("features were computed again")

    monkeypatch.setattr(Extractor, "_engine_forward", computed)
    assert main(command) == 0
    assert read_manifest(out).digest == manifest.digest

    again = tmp_path / "again"
    assert main(["export", "--run", str(work / "run"), "--out", str(again)]) == 0
    assert read_manifest(again).digest == manifest.digest
    assert main(["evaluate", "--model", str(again), "--data", str(table), "--split", "val", "--record"]) == 2
    assert main(["evaluate", "--model", str(again), "--data", str(table), "--json", "--record"]) == 0
    figures = read_manifest(again).data["metrics"]["test"]
    assert figures["sources"] == metrics["test"]["sources"]
