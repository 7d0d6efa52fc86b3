"""From tuned weights to everything else an artifact holds: embedding, gate, calibration and training hashes.

All of it is read from the same passes; only the calibration and the threshold look at the validation split.
"""

from typing import Any

import numpy as np

from ml import hashes, readers
from ml.training import fit
from ml.training.calibrate import calibrate
from ml.training.export import Run
from ml.training.features import Extractor, Tensors
from ml.training.fit import Examples
from ml.training.splits import Row, brain_rows
from ml.training.validate import Reader


def finish(
    rows: list[Row],
    tensors: Tensors,
    train: Examples,
    val: Examples,
    *,
    extractor: Extractor,
    facts: dict[str, Any],
) -> Run:
    """The finished run. tensors: base with tuned blocks, and heads without the embedding."""
    reader = Reader(tensors)
    clean = np.flatnonzero([round_ == 0 for _, round_ in train.draws])
    described = np.concatenate([reader.described(one) for one in reader.passes(train.maps, clean)])
    kernel, bias = fit.embedding(described)
    tensors = tensors | {"embedding/kernel": kernel, "embedding/bias": bias}
    read = reader.read(val.maps)
    fitted = calibrate([row for row, _ in val.draws], read.logits, read.types)
    data, hashed = hash_pictures(rows)
    return Run(tensors, data, hashed, fitted.manifest(), {}, facts)


def hash_pictures(rows: list[Row]) -> tuple[bytes, dict[str, Any]]:
    """The hashes of all brain pictures of the training and validation split, as `ml.hashes.build` gives them."""
    known = [row for row in brain_rows(rows) if row.split in ("train", "val")]
    prints = np.stack([hashes.fingerprint(readers.read(row.path)) for row in known])
    return hashes.build(prints, [row.split for row in known])
