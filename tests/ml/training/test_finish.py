"""From tuned weights to a run: the embedding of clean training pictures, calibration on validation, known pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml import hashes, readers
from ml.heads import TENSORS, Reading
from ml.training import finish as finishing
from ml.training.features import Extractor
from ml.training.finish import copies, fingerprints, finish
from ml.training.fit import Examples
from ml.training.splits import read_table
from tests import builders
from tests.fakes import open_gate
from tests.ml.conftest import random_heads, table_row
from tests.ml.training import small

Make = Callable[..., Path]


def test_pictures_of_training_and_validation_are_known(make_table: Make) -> None:
    table = [table_row(1), table_row(2, split="val"), table_row(3, split="test")]
    rows = read_table(make_table([*table, table_row(4, label="not_brain_mri", type="")]))
    for number, row in enumerate(rows):
        row.path.write_bytes(
            builders.png_bytes(np.roll(builders.phantom(160 + 9 * number, seed=number), 9 * number, 1))
        )
    rows[1].path.write_bytes(builders.png_bytes(np.random.default_rng(1).integers(0, 255, (90, 90)).astype(np.uint8)))
    pictures, prints = fingerprints(rows)
    assert [row.split for row in pictures] == ["train", "val"]
    np.testing.assert_array_equal(prints[0], hashes.fingerprint(readers.read(rows[0].path)))
    assert copies(pictures, prints) == set()
    assert copies(pictures, prints[[0, 0]]) == {rows[1].key}


def test_copies_take_no_part_in_the_calibration(monkeypatch: pytest.MonkeyPatch, make_table: Make) -> None:
    table = [table_row(n, split="val", label=label) for n, label in enumerate(["tumor", "no_tumor"] * 3)]
    rows = read_table(make_table([row | {"type": ""} for row in table]))
    logits = np.array([3.0, -3.0, 2.0, -2.0, -9.0, 9.0], np.float32)
    read = Reading(cells=np.empty(0), logits=logits, types=np.zeros((6, 3), np.float32), embedding=np.empty(0))
    entries = finishing.calibrated(read, rows, {rows[4].key, rows[5].key})
    assert entries["calibration"]["slope"] > 0
    assert entries["operating_point"]["copies_left_out"] == 2


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
def test_a_finished_run(make_table: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.use(monkeypatch)
    rows = read_table(make_table([table_row(1), table_row(2, split="val")]))
    train, val = small.examples(9), small.examples(6, seed=1, split="val")
    heads = {name: tensor for name, tensor in random_heads().items() if not name.startswith("embedding")}
    tensors = small.base() | heads
    seen: dict[str, object] = {}
    calibrate, whiten = finishing.calibrate, finishing.fit.embedding

    def calibrated(given: list, logits: np.ndarray, types: np.ndarray) -> object:
        seen.update(rows=given, logits=logits, types=types)
        return calibrate(given, np.array([3.0, -3.0] * 3), types)

    def whitened(described: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen["described"] = described
        return whiten(described)

    monkeypatch.setattr(finishing, "calibrate", calibrated)
    monkeypatch.setattr(finishing, "copies", lambda known, prints: set())
    monkeypatch.setattr(finishing.fit, "embedding", whitened)
    monkeypatch.setattr(finishing, "collect", lambda forward, rows, *, seed: (forward, rows, seed))
    monkeypatch.setattr(finishing, "fit_gate", lambda *given, val, seed: (open_gate(), {"given": [*given, val, seed]}))
    extractor = Extractor(tensors, cache=tmp_path, seed=1, policy="float32")
    done = finish(rows, tensors, Examples(train.maps, train.draws), val, extractor=extractor, seed=5, facts={"seed": 1})
    assert set(done.tensors) == {*TENSORS, *small.base(), *open_gate()}
    assert done.gate == {"given": [extractor.forward, rows, 5, 5]}
    assert seen["rows"] == [row for row, _ in val.draws]
    assert np.shape(seen["logits"]) == (6,)
    assert np.shape(seen["types"]) == (6, 3)
    clean = sum(round_ == 0 for _, round_ in train.draws)
    assert np.shape(seen["described"]) == (clean, 1024)
    assert 0 < done.fitted["threshold"] < 1
    assert done.fitted["calibration"]["slope"] > 0
    assert done.training == {"seed": 1}
    assert done.hashed["count"] == {"train": 1, "val": 1}
