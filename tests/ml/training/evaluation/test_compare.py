"""The comparison shows a leak where there is one: memory passes for skill on copies, and not on new patients."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.cli import main
from ml.training.data.table import Row, read_table
from ml.training.evaluation import compare
from ml.training.evaluation.prototype import RECIPE, DenseHead, Features, changed
from tests.builders import phantom
from tests.ml.conftest import table_row
from tests.ml.training.simulated import row


class Fingerprints:
    """Features that tell images apart and nothing else; an augmented copy looks nearly like its image."""

    def of(self, rows: list[Row], *, copy: int = 0) -> NDArray[np.float32]:
        own = [np.random.default_rng(int(one.key.split("/")[1].split(".")[0])).normal(0, 1, 16) for one in rows]
        return np.array(own, np.float32) + np.float32(0.01 * copy)


class Memory:
    """A model that answers with the label of the nearest image it was shown."""

    def __init__(self, features: NDArray[np.float32], truth: NDArray[np.int64]) -> None:
        self.features, self.truth = features, truth

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        distances = ((features[:, None] - self.features[None]) ** 2).sum(axis=2)
        nearest: NDArray[np.int64] = self.truth[distances.argmin(axis=1)]
        return nearest.astype(np.float64)


@pytest.fixture
def rows() -> list[Row]:
    """Labels that nothing in the image tells."""
    rng = np.random.default_rng(0)
    made = []
    for n in range(300):
        made.append(
            row(
                n,
                label="tumor" if rng.random() < 0.5 else "no_tumor",
                split="train" if n < 200 else "test",
                source="tcga-lgg" if n % 4 == 0 else "web",
                sequence="flair" if n % 4 == 0 else "",
            )
        )
    return made


@pytest.fixture
def found(rows: list[Row]) -> dict[str, Any]:
    return compare.prototype(rows, Fingerprints(), Memory)


def test_memory_looks_like_skill_only_on_copies(found: dict[str, Any]) -> None:
    assert found["reported"]["accuracy"]["value"] > 0.9
    assert found["held_out"]["pooled"]["accuracy"]["value"] < 0.65
    assert found["leak"]["same_picture"] > 0.9


def test_the_unseen_hospital_is_not_learned_from(rows: list[Row]) -> None:
    shown: list[int] = []

    def learn(features: NDArray[np.float32], truth: NDArray[np.int64]) -> Memory:
        shown.append(len(features))
        return Memory(features, truth)

    found = compare.prototype(rows, Fingerprints(), learn)
    web = sum(one.source == "web" and one.split == "train" for one in rows)
    assert shown[1] == pytest.approx(web * 3 * 0.8, abs=1)
    assert found["unseen_hospital"]["tcga-lgg/flair"]["n"] == sum(one.source == "tcga-lgg" for one in rows)


def test_copies_split_off_at_random_leave_their_twins() -> None:
    owners = [row(n, group=f"g{n // 5}") for n in range(50)] * 3
    held = compare.split_at_random(len(owners), RECIPE)
    assert held.sum() == 30
    leak = compare.leak(owners, held)
    assert 0.8 < leak["same_picture"] <= leak["same_group"] <= 1
    alone = compare.leak([row(1, group="a"), row(2, group="b")], np.array([True, False]))
    assert alone == {"same_picture": 0.0, "same_group": 0.0}


def test_the_table_puts_all_side_by_side(found: dict[str, Any]) -> None:
    json.dumps(found, allow_nan=False)
    measured = {"value": 0.9, "interval": [0.8, 0.95]}
    summary = {
        "n": 10,
        "confusion": {"true_by_predicted": [[4, 1], [0, 5]]},
        **dict.fromkeys(("sensitivity", "specificity", "auroc"), measured),
    }
    baseline = {"model": "old@1", "sources": {"pooled": summary, "tcga-lgg": summary}}
    ours = {"sources": {"pooled": summary}, "sequences": {"tcga-lgg/flair": summary}}
    text = compare.table(ours, baseline, found)
    assert "| prototype, as it reports itself | copies split off at random |" in text
    assert "| baseline old@1 | test split, tcga-lgg | 0.900 | 0.900 (0.800–0.950) |" in text
    assert "| this model | test split, tcga-lgg/flair |" in text
    assert "this model" not in compare.table(None, baseline, found)


def test_a_copy_can_be_made_again_and_is_another_image() -> None:
    square = np.zeros((224, 224), np.float32)
    square[14:210, 14:210] = phantom(196)
    one = changed(square, key="a", copy=1)
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 255
    assert np.array_equal(one, changed(square, key="a", copy=1))
    assert not np.array_equal(one, changed(square, key="a", copy=2))
    assert not np.array_equal(one, square)


def test_missing_input_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = str(tmp_path / "absent")
    assert main(["compare", "--data", absent]) == 2
    assert main(["compare", "--data", absent, "--weights", absent]) == 2
    said = capsys.readouterr().err.splitlines()
    assert ["cannot be read" in said[0], "is no file" in said[1]] == [True, True]


def test_features_are_computed_once(make_table: Callable[..., Path], tmp_path: Path) -> None:
    """A second run finds every image's features on disk; another copy of an image is another file."""
    rows = read_table(make_table([table_row(n) for n in range(3)]))
    features = object.__new__(Features)
    features._digest, features._cache, features._engine, calls = "weights", tmp_path / "cache", None, []

    def forward(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(len(batch))
        return np.full((len(batch), 14, 14, 512), batch.mean(), np.float32)

    features._forward = forward  # type: ignore[method-assign]
    first = features.of(rows)
    assert first.shape == (3, 512)
    assert np.array_equal(features.of(rows), first)
    assert calls == [3]
    assert not np.array_equal(features.of(rows, copy=1), first)
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_dense_head_learns_what_is_there() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (400, 32)).astype(np.float32)
    truth = (features[:, 0] > 0).astype(np.int64)
    head = DenseHead(features[:300], truth[:300], recipe=replace(RECIPE, epochs=20))
    assert np.mean((head.scores(features[300:]) >= 0.5) == truth[300:]) > 0.85
