"""From tuned weights to a run: the embedding of clean training images, calibration on validation, known images."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.contracts import TUMOR_TYPES
from ml.model.heads import TENSORS
from ml.training import fit_heads as finishing
from ml.training.calibration.calibrate import calibrate
from ml.training.data.table import Row, read_table
from ml.training.detector import fit
from ml.training.detector.features import Extractor
from ml.training.detector.fit import Examples
from ml.training.fit_heads import fit_heads
from ml.training.gate.examples import GateExamples
from tests.fakes import open_gate
from tests.ml.conftest import random_heads, table_row
from tests.ml.training import small

Make = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_finished_run(make_table: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.use(monkeypatch)
    rows = read_table(make_table([table_row(1), table_row(2, split="val")]))
    train, val = small.examples(9), small.examples(6, seed=1, split="val")
    heads = {name: tensor for name, tensor in random_heads().items() if not name.startswith("embedding")}
    tensors = small.base() | heads
    seen: dict[str, Any] = {}
    whiten = fit.embedding

    def calibrated(given: list[Row], logits: np.ndarray, types: np.ndarray) -> object:
        seen.update(rows=given, logits=logits, types=types)
        return calibrate(given, np.array([3.0, -3.0] * 3), types)

    def whitened(described: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen["described"] = described
        return whiten(described)

    monkeypatch.setattr(finishing, "calibrate", calibrated)
    monkeypatch.setattr(fit, "embedding", whitened)

    def fitted(brains: GateExamples, *given: object, val: object, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
        return open_gate(), {"brains": brains.counts(), "given": [*given, val, seed]}

    monkeypatch.setattr(finishing, "collect", lambda forward, rows, *, seed: (small.no_images(), rows, forward))
    monkeypatch.setattr(finishing, "fit_gate", fitted)
    extractor = Extractor(tensors, cache=tmp_path, seed=1, policy="float32")
    done = fit_heads(
        rows, tensors, Examples(train.maps, train.draws), val, extractor=extractor, seed=5, facts={"seed": 1}
    )
    assert set(done.tensors) == {*TENSORS, *small.base(), *open_gate()}
    copies = dict(Counter(row.source for row, _ in train.draws))
    assert done.gate == {"brains": copies, "given": [rows, extractor.forward, 5]}
    assert seen["rows"] == [row for row, _ in val.draws]
    assert np.shape(seen["logits"]) == (6,)
    assert np.shape(seen["types"]) == (6, len(TUMOR_TYPES))
    clean = sum(round_ == 0 for _, round_ in train.draws)
    assert np.shape(seen["described"]) == (clean, 1024)
    assert "series" not in done.fitted  # they are fitted through the exported artifact
    assert 0 < done.fitted["threshold"] < 1
    assert done.fitted["calibration"]["slope"] > 0
    assert done.training == {"seed": 1}
    assert done.hashed["count"] == {"train": 1, "val": 1}
