"""The forecast for a new hospital: each model on the source it was trained without, from the manifests alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml.cli import main
from ml.contracts import BrainscanError
from ml.inference.registry import Manifest, read_manifest
from ml.training.evaluation.left_out import collect, table
from ml.training.evaluation.report import report
from ml.training.evaluation.scored import scored
from tests.ml.training.simulated import analysis, row


def measured(manifest: Manifest, source: str | None) -> Manifest:
    """The manifest of a model trained without `source`, with test figures on it."""
    rows = [
        row(n, source=source or "here", sequence="t2", label="tumor" if n % 2 else "no_tumor", split="test")
        for n in range(8)
    ]
    said, refused = scored(rows, [analysis(0.9 if n % 4 else 0.1) for n in range(8)])
    test = report(said, threshold=0.5, refused=refused)
    data = manifest.data
    training = data["training"] | {"without": source}
    return replace(manifest, data=data | {"training": training, "metrics": data["metrics"] | {"test": test}})


@pytest.fixture
def manifest(tiny_artifact: Path) -> Manifest:
    return read_manifest(tiny_artifact)


def test_each_source_has_its_lines(manifest: Manifest) -> None:
    found = collect([measured(manifest, "b"), measured(manifest, "a")])
    assert list(found["sources"]) == ["a", "b"]
    assert found["sources"]["a"]["copies"] == 6
    lines = table(found).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| a", "| a/t2", "| b", "| b/t2"]
    assert lines[2].split(" | ")[1] == "8 (4 / 4)"
    assert lines[2].split(" | ")[4].startswith("1.000")


@pytest.mark.parametrize("source", [None, ""])
def test_a_model_that_saw_every_source_is_no_forecast(manifest: Manifest, source: str | None) -> None:
    with pytest.raises(BrainscanError, match=f"{manifest.label} has no figures on a source left out"):
        collect([measured(manifest, source)])


def test_without_test_figures_there_is_no_forecast(manifest: Manifest) -> None:
    training = manifest.data["training"] | {"without": "a"}
    with pytest.raises(BrainscanError, match="no figures"):
        collect([replace(manifest, data=manifest.data | {"training": training})])


def test_a_source_is_left_out_by_one_model(manifest: Manifest) -> None:
    with pytest.raises(BrainscanError, match="Two artifacts were trained without 'a'"):
        collect([measured(manifest, "a")] * 2)


def test_the_command_prints_and_writes(
    manifest: Manifest, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, Any] = {name: measured(manifest, name) for name in "ab"}
    monkeypatch.setattr("ml.cli.training.read_manifest", lambda folder: known[folder.name])
    out = tmp_path / "figures" / "left-out.json"
    assert main(["left-out", "a", "b", "--out", str(out)]) == 0
    assert "| b/t2 | 8 (4 / 4) |" in capsys.readouterr().out
    assert main(["left-out", "a", "b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
