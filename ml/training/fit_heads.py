"""Fits everything an artifact holds besides the tuned weights: embedding, gate, calibration and training hashes.

Only the calibrations and thresholds use the validation split.
"""

from typing import Any

import numpy as np

from ml.model import training_hashes
from ml.training.calibration.calibrate import calibrate
from ml.training.data.near_duplicates import fingerprints
from ml.training.data.table import Row
from ml.training.detector import fit
from ml.training.detector.features import Extractor, Tensors
from ml.training.detector.fit import Examples
from ml.training.detector.validate import Reader
from ml.training.export import Run
from ml.training.gate.data import collect, learned, sample_copies
from ml.training.gate.examples import concatenate
from ml.training.gate.fit import fit_gate

EMBEDDING_IMAGES = 2048
"""Training images that the embedding is fitted to; the draws are in random order."""


def fit_heads(
    rows: list[Row],
    tensors: Tensors,
    train: Examples,
    val: Examples,
    *,
    extractor: Extractor,
    seed: int,
    facts: dict[str, Any],
) -> Run:
    """The finished run. rows: all rows used, without near-duplicates. tensors: base with tuned blocks, and heads
    without the embedding."""
    reader = Reader(tensors)
    clean = np.flatnonzero([round_ == 0 for _, round_ in train.draws])[:EMBEDDING_IMAGES]
    described = np.concatenate([reader.described(one) for one in reader.passes(train.maps, clean)])
    kernel, bias = fit.embedding(described)
    tensors = tensors | {"embedding/kernel": kernel, "embedding/bias": bias}
    known, prints = fingerprints(rows)
    read = reader.read(val.maps)
    fitted = calibrate([row for row, _ in val.draws], read.logits, read.types)
    brains, others, held_out = collect(extractor.forward, rows, seed=seed)
    brains = concatenate([brains, learned(train.maps, train.draws, sample_copies(train.draws, seed=seed))])
    gate, judged = fit_gate(brains, others, val=held_out, seed=seed)
    data, hashed = training_hashes.build(prints, [row.split for row in known])
    return Run(tensors | gate, data, hashed, fitted.manifest(), judged, facts)
