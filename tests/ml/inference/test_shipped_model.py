"""The shipped artifact on each engine: it loads, gives results, and separates real scans.

Tests with `real_data` need real scans. The others run on phantoms, with the gate open where they want a result: the
real gate refuses phantoms.
"""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml import analyze, load_model
from ml.contracts import Analysis
from ml.engines import ENGINES
from ml.inference.registry import Model, read_tensors
from ml.model.gate import GateModel
from tests import builders
from tests.fakes import open_gate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MAX_BYTES = 32_000_000


@pytest.fixture(scope="module", params=ENGINES)
def model(request: pytest.FixtureRequest) -> Model:
    return load_model(engine=request.param)


def test_it_is_small_enough_to_ship(model: Model) -> None:
    assert model.manifest.file("weights").stat().st_size <= MAX_BYTES


def test_split(data: Path, source: str, *, table: str = "scans.csv") -> list[dict[str, str]]:
    """Rows of one source of the test split: no image or patient of them was trained on."""
    with (data / table).open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["split"] == "test" and row["source"] == source]


test_split.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def open_model(model: Model) -> Model:
    """The shipped model with a gate that accepts everything."""
    return replace(model, gate=GateModel.from_tensors(open_gate()))


def check_complete(result: Analysis, model: Model) -> None:
    """Every part of an accepted image's analysis is there and in range."""
    assert result.outcome in ("tumor", "no_tumor"), result.gate
    assert result.prediction is not None
    assert 0 <= result.prediction.tumor_probability <= 1
    assert set(result.prediction.type_probabilities) == set(model.manifest.types)
    assert sum(result.prediction.type_probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert result.evidence is not None
    assert all(0 <= fraction <= 1 for fraction in result.evidence.peak)
    assert result.embedding is not None
    assert np.linalg.norm(result.embedding) == pytest.approx(1, abs=1e-4)
    assert not result.trained_on


@pytest.mark.parametrize("lesion", [False, True])
def test_a_phantom_gets_everything(open_model: Model, lesion: bool) -> None:
    check_complete(analyze(open_model, builders.png_bytes(builders.phantom(lesion=lesion))), open_model)


def test_a_phantom_gets_the_same_result_every_time(open_model: Model) -> None:
    first, second = (analyze(open_model, builders.png_bytes()) for _ in range(2))
    assert first.prediction is not None
    assert (first.prediction, first.evidence) == (second.prediction, second.evidence)


def test_a_real_scan_gets_everything(model: Model, real_data: Path) -> None:
    row = test_split(real_data, "cheng")[0]
    check_complete(analyze(model, real_data / row["path"]), model)


def test_a_training_image_is_recognized(model: Model, real_data: Path) -> None:
    with (real_data / "scans.csv").open(newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["split"] == "train" and row["source"] == "cheng")
    assert analyze(model, real_data / row["path"]).trained_on


@pytest.mark.parametrize("name", ["noise", "gradient", "checks", "flat", "strip", "phantom"])
def test_images_without_a_brain_are_refused(model: Model, name: str) -> None:
    y, x = np.mgrid[:256, :256]
    plane = {
        "noise": np.random.default_rng(1).integers(0, 256, (256, 256)),
        "gradient": x,
        "checks": (x // 16 + y // 16) % 2 * 255,
        "flat": np.full((256, 256), 90),
        "strip": np.full((300, 1), 90),
        "phantom": builders.phantom(256),
    }[name]
    result = analyze(model, builders.png_bytes(plane.astype(np.uint8)))
    assert result.outcome == "refused"
    assert result.gate.reason
    assert result.gate.message


def test_other_images_are_refused_and_brains_are_not(model: Model, real_data: Path) -> None:
    """A sample: docs/model-card.md has every kind and source."""
    others = sorted((real_data / "images" / "not-brain-mri").iterdir())[::12]
    assert np.mean([analyze(model, path).outcome == "refused" for path in others]) >= 0.8
    brains = [real_data / row["path"] for row in test_split(real_data, "tcga-lgg")[::16]]
    assert np.mean([analyze(model, path).outcome == "refused" for path in brains]) <= 0.1


def test_pictures_of_ct_emission_microscopy_and_phantoms_are_refused(model: Model, real_data: Path) -> None:
    """A sample of each kind; a picture of a CT carries no header that says so."""
    if not (real_data / "scans-v2.csv").is_file():
        pytest.skip("needs pictures of other kinds: scans-v2.csv is not there")
    kinds: dict[str, list[str]] = defaultdict(list)
    for row in test_split(real_data, "not-brain-mri-2", table="scans-v2.csv"):
        kinds[Path(row["path"]).name.partition("--")[0]].append(row["path"])
    assert set(kinds) >= {"head_ct", "head_pet", "head_spect", "microscopy"}
    chosen = [path for paths in kinds.values() for path in paths[:: max(1, len(paths) // 6)]]
    passed = {path for path in chosen if analyze(model, real_data / path).outcome != "refused"}
    assert len(passed) <= len(chosen) // 20, passed
    assert not [path for path in passed if "head_ct--" in path]


def test_it_is_loaded_once(model: Model) -> None:
    assert load_model(engine=model.engine.name) is model


def test_the_base_is_vgg16(model: Model) -> None:
    tensors = read_tensors(model.manifest)
    convolutions = [name for name in tensors if name.startswith("block") and name.endswith("/kernel")]
    assert len(convolutions) == 13
    assert sum(tensor.size for name, tensor in tensors.items() if name.startswith("block")) == 14_714_688


def test_a_real_scan_gets_the_same_result_every_time(model: Model, real_data: Path) -> None:
    path = real_data / test_split(real_data, "br35h")[0]["path"]
    answers = {str(analyze(model, path).prediction) for _ in range(2)}
    assert len(answers) == 1
    assert "None" not in answers


def test_it_separates_real_scans_with_and_without_tumor(model: Model, real_data: Path) -> None:
    """Twelve test-split images of a source that has both classes, of groups that were never trained on."""
    rows = test_split(real_data, "br35h")
    scores: dict[str, list[float]] = {"tumor": [], "no_tumor": []}
    for row in rows[:: max(1, len(rows) // 40)]:
        judged = analyze(model, real_data / row["path"]) if len(scores[row["label"]]) < 6 else None
        if judged and judged.prediction:
            scores[row["label"]].append(judged.prediction.tumor_probability)
    assert min(map(len, scores.values())) >= 4
    assert np.mean(scores["tumor"]) > np.mean(scores["no_tumor"]) + 0.3


def test_from_the_shell_as_the_contract_says(model: Model, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    good.write_bytes(builders.png_bytes())
    bad.write_bytes(builders.TEXT)
    command = [
        sys.executable,
        "-m",
        "ml",
        "predict",
        "--engine",
        model.engine.name,
        "--batch",
        "2",
        str(good),
        str(bad),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["model"] == model.manifest.label
    assert first["engine"] == model.engine.name
    assert first["outcome"] in ("tumor", "no_tumor", "refused")
    assert set(first) >= {"gate", "evidence", "type_probabilities", "uncertain", "trained_on", "milliseconds"}
    assert second["outcome"] == "refused"
