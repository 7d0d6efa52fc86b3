"""The trunk's maps: computed once, taken up after a stop, never mixed up, and given back in the order asked for."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml import preprocess
from ml.model.heads import CELLS
from ml.training.data import dataset, targets
from ml.training.data.augment import Recipe
from ml.training.data.dataset import Draw
from ml.training.data.table import COLUMNS, Row, read_table
from ml.training.detector import features
from ml.training.detector.features import Extractor, tensors_digest
from tests.builders import png_bytes
from tests.ml.conftest import table_row

WEIGHTS = {
    "block1_conv1/kernel": np.ones((3, 3, 3, 2), np.float32),
    "block5_conv3/bias": np.zeros(3, np.float32),
    "cell/bias": np.zeros(1, np.float32),
}


class Trunk:
    """Gives maps of the image's mean gray; counts the images it saw."""

    seen = 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.seen += len(batch)
        means = batch.mean(axis=(1, 2, 3))[:, None, None, None]
        return np.broadcast_to(means, (len(batch), 2 * CELLS, 2 * CELLS, 4)).astype(np.float32)


@pytest.fixture
def trunk(monkeypatch: pytest.MonkeyPatch) -> Trunk:
    fake = Trunk()
    monkeypatch.setattr(Extractor, "_forward", lambda self, batch: fake(batch))
    monkeypatch.setattr(features, "CHUNK", 4)
    return fake


@pytest.fixture
def rows(make_table: Callable[..., Path]) -> list[Row]:
    table = [table_row(n, boxes="0.54 0.34 0.7 0.5") for n in range(6)]
    return read_table(make_table(table, columns=(*COLUMNS, "mask")))


@pytest.fixture
def drawn(rows: list[Row]) -> list[Draw]:
    return [(row, round_) for row in rows[:5] for round_ in (0, 1)]


def extractor(cache: Path, *, seed: int = 1, policy: str = "float32", **changed: np.ndarray) -> Extractor:
    return Extractor(
        WEIGHTS | {k.replace("__", "/"): v for k, v in changed.items()}, cache=cache, seed=seed, policy=policy
    )


def test_computed_once(trunk: Trunk, drawn: list[Draw], tmp_path: Path) -> None:
    every = np.arange(10)
    first = extractor(tmp_path / "c").maps(drawn)
    assert trunk.seen == 0
    maps, cells = first.take(every)
    first.take(every)
    assert trunk.seen == len(first) == 10
    again, same = extractor(tmp_path / "c").maps(drawn).take(every)
    assert trunk.seen == 10
    np.testing.assert_array_equal(again, maps)
    np.testing.assert_array_equal(same, cells)


def test_only_what_is_taken_is_computed(trunk: Trunk, drawn: list[Draw], tmp_path: Path) -> None:
    maps = extractor(tmp_path / "c").maps(drawn)
    maps.take(np.array([5]))
    assert trunk.seen == 4
    assert len(maps.cells) == 10
    assert trunk.seen == 10


def test_some_of_the_draws_are_taken_where_they_are(trunk: Trunk, drawn: list[Draw], tmp_path: Path) -> None:
    maps = extractor(tmp_path / "c").maps(drawn)
    every, targeted = maps.take(np.arange(10))
    some = maps.only(np.array([8, 1, 5])).only(np.array([0, 2]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.take(np.array([1, 0]))[0], every[[5, 8]])
    np.testing.assert_array_equal(some.cells, targeted[[8, 5]])
    assert some.key == maps.key


def test_each_draw_has_its_own_map_and_cells(trunk: Trunk, drawn: list[Draw], tmp_path: Path) -> None:
    maps = extractor(tmp_path / "c").maps(drawn)
    assert maps.cells.shape == (10, CELLS, CELLS)
    assert maps.cells.dtype == np.int8
    chosen = np.array([9, 0, 4, 3, 4])
    taken, targeted = maps.take(chosen)
    assert taken.dtype == np.float16
    for index, number in enumerate(chosen):
        square, cells = dataset.example(drawn[number], seed=1)
        mean = preprocess.to_network(square[None]).mean()
        np.testing.assert_allclose(taken[index], mean, rtol=2e-3)
        np.testing.assert_array_equal(targeted[index], cells)
        np.testing.assert_array_equal(maps.cells[number], cells)


def test_a_stopped_run_goes_on_at_its_chunk(trunk: Trunk, drawn: list[Draw], tmp_path: Path) -> None:
    every = np.arange(10)
    whole, _ = extractor(tmp_path / "whole").maps(drawn).take(every)
    broken = drawn[6][0].path
    content, times = broken.read_bytes(), broken.stat()
    broken.write_bytes(b"")
    with pytest.raises(Exception, match=broken.name):
        extractor(tmp_path / "c").maps(drawn).take(every)
    broken.write_bytes(content)
    os.utime(broken, ns=(times.st_atime_ns, times.st_mtime_ns))
    trunk.seen = 0
    again, _ = extractor(tmp_path / "c").maps(drawn).take(every)
    assert trunk.seen == 6
    np.testing.assert_array_equal(again, whole)
    assert not list((tmp_path / "c").glob("*.part*"))


@pytest.mark.parametrize("change", ["round", "seed", "trunk", "policy", "preprocessing", "picture", "order", "targets"])
def test_what_changes_the_numbers_is_not_taken_from_the_cache(
    trunk: Trunk, rows: list[Row], tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [(row, 1) for row in rows[:4]]
    before = extractor(tmp_path / "c").maps(drawn)
    before.take(np.arange(4))
    trunk.seen = 0
    if change == "preprocessing":
        monkeypatch.setattr(preprocess, "VERSION", "other")
    if change == "targets":
        monkeypatch.setattr(targets, "VERSION", 99)
    if change == "picture":
        rows[2].path.write_bytes(png_bytes())
    if change == "order":
        drawn.reverse()
    if change == "round":
        drawn = [(row, 2) for row, _ in drawn]
    weights = {"block1_conv1__kernel": np.zeros((3, 3, 3, 2), np.float32)} if change == "trunk" else {}
    other = extractor(
        tmp_path / "c", seed=2 if change == "seed" else 1, policy="bf16" if change == "policy" else "float32", **weights
    )
    after = other.maps(drawn)
    after.take(np.arange(4))
    assert trunk.seen == 4
    assert after.key != before.key  # else a training on the old numbers would be taken for one on these


@pytest.mark.parametrize("boxes", ["0.1 0.1 0.4 0.4", ""])
def test_a_corrected_box_gives_other_cells(
    trunk: Trunk, make_table: Callable[..., Path], tmp_path: Path, boxes: str
) -> None:
    file = make_table([table_row(1, boxes="0.54 0.34 0.7 0.5")])
    before = extractor(tmp_path / "c").maps([(row, 0) for row in read_table(file)])
    text = file.read_text(encoding="utf-8").replace("0.54 0.34 0.7 0.5", boxes)
    file.write_text(text, encoding="utf-8")
    after = extractor(tmp_path / "c").maps([(row, 0) for row in read_table(file)])
    assert before.key != after.key
    (maps, cells), (same, others) = before.take(np.array([0])), after.take(np.array([0]))
    assert (cells != others).any()
    np.testing.assert_array_equal(maps, same)


def test_tuned_weights_have_no_part_in_the_cache(trunk: Trunk, rows: list[Row], tmp_path: Path) -> None:
    drawn = [(row, 0) for row in rows]
    every = np.arange(len(rows))
    extractor(tmp_path / "c").maps(drawn).take(every)
    extractor(tmp_path / "c", block5_conv3__bias=np.ones(3, np.float32)).maps(drawn).take(every)
    assert trunk.seen == len(rows)


def test_clean_maps_depend_on_no_recipe(
    trunk: Trunk, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, every = [(row, 0) for row in rows], np.arange(len(rows))
    extractor(tmp_path / "c").maps(drawn).take(every)
    monkeypatch.setattr(features, "RECIPE", Recipe(rotation=1.0))
    extractor(tmp_path / "c").maps(drawn).take(every)
    assert trunk.seen == len(rows)
    extractor(tmp_path / "c").maps([(row, 1) for row in rows]).take(every)
    assert trunk.seen == 2 * len(rows)


def test_a_digest_knows_names_and_values() -> None:
    first = tensors_digest(WEIGHTS)
    assert tensors_digest(dict(reversed(WEIGHTS.items()))) == first
    assert tensors_digest(WEIGHTS | {"cell/bias": np.ones(1, np.float32)}) != first
    assert tensors_digest({"x" + name: tensor for name, tensor in WEIGHTS.items()}) != first
