"""The artifact in the repository, on TensorFlow: it loads, answers, and tells real scans apart."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml import analyse, load_model
from ml.contracts import ModelUnavailable
from ml.registry import Model, read_manifest, read_tensors
from tests import builders

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

MAX_BYTES = 32_000_000


@pytest.fixture(scope="module")
def model() -> Model:
    try:
        read_manifest()
    except ModelUnavailable as error:
        pytest.skip(f"no shipped artifact: {error.message}")
    return load_model(engine="tensorflow")


def test_it_is_small_enough_to_ship(model: Model) -> None:
    assert model.manifest.weights_path.stat().st_size <= MAX_BYTES


def test_it_answers(model: Model) -> None:
    result = analyse(model, builders.png_bytes())
    assert result.outcome in ("tumor", "no_tumor")
    assert result.prediction is not None
    assert 0 <= result.prediction.tumor_probability <= 1


def test_it_is_loaded_once(model: Model) -> None:
    assert load_model(engine="tensorflow") is model


def test_the_base_is_vgg16(model: Model) -> None:
    tensors = read_tensors(model.manifest)
    convolutions = [name for name in tensors if name.startswith("block") and name.endswith("/kernel")]
    assert len(convolutions) == 13
    assert sum(tensor.size for name, tensor in tensors.items() if name.startswith("block")) == 14_714_688


def test_it_answers_the_same_every_time(model: Model) -> None:
    answers = {analyse(model, builders.png_bytes()).prediction.tumor_probability for _ in range(2)}  # type: ignore[union-attr]
    assert len(answers) == 1


def test_it_tells_real_scans_apart(model: Model, real_data: Path) -> None:
    """Twelve test-split pictures of a source that has both classes, of groups that were never trained on."""
    with (real_data / "scans.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "test" and row["source"] == "br35h"]
    scores: dict[str, list[float]] = {"tumor": [], "no_tumor": []}
    for row in rows[:: max(1, len(rows) // 40)]:
        if len(scores[row["label"]]) < 6:
            prediction = analyse(model, real_data / row["path"]).prediction
            assert prediction is not None
            scores[row["label"]].append(prediction.tumor_probability)
    assert np.mean(scores["tumor"]) > np.mean(scores["no_tumor"]) + 0.3


def test_from_the_shell_as_the_contract_says(model: Model, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    good.write_bytes(builders.png_bytes())
    bad.write_bytes(builders.TEXT)
    command = [sys.executable, "-m", "ml", "predict", "--batch", "2", str(good), str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["model"] == model.manifest.label
    assert first["outcome"] in ("tumor", "no_tumor")
    assert second["outcome"] == "refused"
