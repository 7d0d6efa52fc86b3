"""The feature cache: computed once, taken up after a stop, never mixed up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml import preprocess
from ml.training import features
from ml.training.features import Extractor
from ml.training.splits import Row, read_table
from tests.ml.conftest import FakeEngine, table_row

WEIGHTS = {"block1_conv1/kernel": np.ones((3, 3, 3, 2), np.float32)}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(features, "load_engine", lambda name, tensors: fake)
    monkeypatch.setattr(features, "CHUNK", 4)
    return fake


@pytest.fixture
def rows(make_table: Callable[..., Path]) -> list[Row]:
    return read_table(make_table([table_row(n) for n in range(10)]))


def test_computed_once(engine: FakeEngine, rows: list[Row], tmp_path: Path) -> None:
    first = Extractor(WEIGHTS, cache=tmp_path / "c", seed=1).features(rows, round_=0, name="train")
    assert first.shape == (10, 512)
    assert sum(engine.calls) == 10
    second = Extractor(WEIGHTS, cache=tmp_path / "c", seed=1).features(rows, round_=0, name="train")
    assert sum(engine.calls) == 10
    np.testing.assert_array_equal(first, second)


def test_a_stopped_run_goes_on_at_its_chunk(engine: FakeEngine, rows: list[Row], tmp_path: Path) -> None:
    whole = Extractor(WEIGHTS, cache=tmp_path / "whole", seed=1).features(rows, round_=1, name="train")
    stopping, done = Extractor(WEIGHTS, cache=tmp_path / "c", seed=1), rows[6].path.read_bytes()
    rows[6].path.write_bytes(b"")
    with pytest.raises(Exception, match=r"6\.png"):
        stopping.features(rows, round_=1, name="train")
    rows[6].path.write_bytes(done)
    engine.calls.clear()
    again = Extractor(WEIGHTS, cache=tmp_path / "c", seed=1).features(rows, round_=1, name="train")
    assert sum(engine.calls) == 6
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("change", ["round", "seed", "weights", "preprocessing", "picture"])
def test_what_changes_the_numbers_is_not_taken_from_the_cache(
    engine: FakeEngine, rows: list[Row], tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Extractor(WEIGHTS, cache=tmp_path / "c", seed=1).features(rows[:4], round_=1, name="train")
    engine.calls.clear()
    if change == "preprocessing":
        monkeypatch.setattr(preprocess, "VERSION", "other")
    if change == "picture":
        rows[2].path.write_bytes(rows[9].path.read_bytes())
    weights = {"block1_conv1/kernel": np.zeros((3, 3, 3, 2), np.float32)} if change == "weights" else WEIGHTS
    other = Extractor(weights, cache=tmp_path / "c", seed=2 if change == "seed" else 1)
    other.features(rows[:4], round_=2 if change == "round" else 1, name="train")
    assert sum(engine.calls) == 4


def test_clean_features_do_not_depend_on_the_seed(engine: FakeEngine, rows: list[Row], tmp_path: Path) -> None:
    for seed in (1, 2):
        Extractor(WEIGHTS, cache=tmp_path / "c", seed=seed).features(rows, round_=0, name="val")
    assert sum(engine.calls) == 10
