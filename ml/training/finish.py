"""From tuned weights to everything else an artifact holds: embedding, gate, calibration and training hashes.

All of it is read from the same passes; only the calibrations and the thresholds look at the validation split.
"""

from typing import Any

import numpy as np

from ml import hashes
from ml.training import fit, series_fit
from ml.training.calibrate import calibrate
from ml.training.copies import fingerprints
from ml.training.export import Run
from ml.training.features import Extractor, Tensors
from ml.training.fit import Examples
from ml.training.gate_data import collect
from ml.training.gate_fit import fit_gate
from ml.training.splits import Row
from ml.training.validate import Reader


def finish(
    rows: list[Row],
    tensors: Tensors,
    train: Examples,
    val: Examples,
    *,
    extractor: Extractor,
    seed: int,
    facts: dict[str, Any],
) -> Run:
    """The finished run. rows: those that were used, copies left out. tensors: base with tuned blocks, and heads without
    the embedding."""
    reader = Reader(tensors)
    clean = np.flatnonzero([round_ == 0 for _, round_ in train.draws])
    described = np.concatenate([reader.described(one) for one in reader.passes(train.maps, clean)])
    kernel, bias = fit.embedding(described)
    tensors = tensors | {"embedding/kernel": kernel, "embedding/bias": bias}
    known, prints = fingerprints(rows)
    read = reader.read(val.maps)
    judged_rows = [row for row, _ in val.draws]
    fitted = calibrate(judged_rows, read.logits, read.types)
    series = series_fit.entry(judged_rows, fitted.calibration.probability(read.logits).tolist())
    brains, others, held_out = collect(extractor.forward, rows, seed=seed)
    gate, judged = fit_gate(brains, others, val=held_out, seed=seed)
    data, hashed = hashes.build(prints, [row.split for row in known])
    return Run(tensors | gate, data, hashed, fitted.manifest() | {"series": series}, judged, facts)
