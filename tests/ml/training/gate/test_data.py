"""What the gate learns from: a small table through a trunk that is no network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ml.model.gate import SUMMARY, summary
from ml.training.data.table import Row, read_table
from ml.training.detector.features import Maps
from ml.training.gate import perturbations
from ml.training.gate.data import category, collect, learned, sample_copies
from tests.builders import phantom
from tests.ml.conftest import table_row


def forward(squares: np.ndarray) -> np.ndarray:
    """The square itself in the first channel, 28 × 28."""
    maps = np.zeros((len(squares), 28, 28, 256), np.float32)
    maps[..., 0] = squares.reshape(-1, 28, 8, 28, 8).mean(axis=(2, 4))
    return maps


def rows(make_table: Callable[..., Path]) -> list[Row]:
    other = {"label": "not_brain_mri", "type": "", "source": "not-brain-mri"}
    table = make_table(
        [
            table_row(0),
            table_row(1, label="no_tumor", type="", source="there"),
            table_row(2, split="val"),
            table_row(3, split="test"),
            table_row(4, path="images/natural--dog.png", **other),
            table_row(5, path="images/plain.png", **other),
            table_row(6, path="images/natural--cat.png", split="test", **other),
        ]
    )
    return read_table(table)


def test_kinds_come_from_file_names(make_table: Callable[..., Path]) -> None:
    assert [category(row) for row in rows(make_table)[4:6]] == ["natural", "not-brain-mri"]


def test_what_is_collected(make_table: Callable[..., Path]) -> None:
    brains, others, val = collect(forward, rows(make_table), seed=1, synthetic=10, template=0)
    assert brains.names == ("here",) * 5 + ("there",) * 5
    assert brains.original.tolist() == [True, False, False, False, False] * 2
    assert val.names == ("here",) and val.original.all()
    assert others.names.count("natural") == 3  # the one of the training split, and its copies
    assert others.of_name("natural").summaries.shape == (1, SUMMARY)
    assert {"texture", "drawing", "masked"} <= set(others.names)
    assert all(np.isfinite(part.summaries).all() for part in (brains, others, val))


def test_it_collects_the_same_again(make_table: Callable[..., Path]) -> None:
    table = rows(make_table)
    first, again = (collect(forward, table, seed=2, synthetic=10, template=0) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.summaries, other.summaries)


def test_copies_that_the_detector_learned_from(make_table: Callable[..., Path]) -> None:
    here, there = rows(make_table)[:2]
    draws = [(here, 0), (here, 1), (there, 2), (here, 3), (there, 0)]
    chunk = np.zeros((5, 28, 28, 256), np.float16), np.zeros((5, 14, 14), np.int8)
    chunk[0][:] = np.arange(1, 6)[:, None, None, None]
    chosen = sample_copies(draws, seed=1, per_source=2)
    taken = learned(Maps(5, lambda number: chunk, key=""), draws, chosen)
    assert taken.names == ("here", "here", "there", "there")
    expected = summary(chunk[0].astype(np.float32))
    which = [int(np.flatnonzero((expected == one).all(axis=1))[0]) for one in taken.summaries]
    assert {*which[2:]} == {2, 4}
    assert len({*which[:2]}) == 2 and {*which[:2]} < {0, 1, 3}
    assert taken.original.tolist() == [draws[i][1] == 0 for i in which]
    assert which == chosen
    assert not taken.prefiltered.any()
    some = Maps(4, lambda number: (chunk[0][chosen], chunk[1][chosen]), key="")
    alone = learned(some, [draws[i] for i in chosen], range(4))
    assert np.array_equal(alone.summaries, taken.summaries)
    assert (alone.names, alone.original.tolist()) == (taken.names, taken.original.tolist())


def test_a_stripped_head_has_lost_its_skull() -> None:
    y, x = np.mgrid[-112:112, -112:112]
    radius = np.hypot(x, y)
    head = np.where(radius < 100, 120.0, 0.0).astype(np.float32)
    head[(radius >= 94) & (radius < 100)] = 255.0
    for seed in range(8):
        bare = perturbations.stripped(head, np.random.default_rng(seed))
        assert bare.shape == head.shape
        assert bare.min() >= 0 and bare.max() <= 255
        assert bare[112, 112] >= 0.8 * bare.max() > 0  # in the head it had less than half of the skull's gray


def test_stripping_a_black_square_leaves_it_black() -> None:
    assert not perturbations.stripped(np.zeros((224, 224), np.float32), np.random.default_rng(0)).any()


def test_a_lettered_head_is_still_there() -> None:
    head = np.asarray(phantom(224), np.float32)
    changed = 0
    for seed in range(8):
        annotated = perturbations.annotated(head, np.random.default_rng(seed))
        assert annotated.shape == head.shape
        assert annotated.max() <= 255
        corners = np.concatenate(
            [annotated[y, x].ravel() for y in (slice(24), slice(-24, None)) for x in (slice(24), slice(-24, None))]
        )
        changed += bool((corners > 100).any())
        assert np.median(annotated[100:124, 60:164]) > 40  # the brain, in its middle
    assert changed >= 6
