"""Trains the tuned blocks with the heads on the trunk's maps: in the order drawn, seeded, and resumed after a stop.

AdamW with a learning rate for each part; the blocks' rates warm up, and all follow a cosine decay (Loshchilov & Hutter
2017). The moving average of the weights ships (Polyak & Juditsky 1992).
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from tqdm import tqdm

from ml.model.heads import EMBEDDING
from ml.training.data.dataset import Draw, tumor_targets, type_targets
from ml.training.data.table import Row
from ml.training.detector.features import Maps, tensors_digest
from ml.training.detector.validate import Reader, figures
from ml.training.settings import Settings

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

NORM_EXAMPLES = 512
_ONE_TYPE = 0.25
_MIN_SPREAD = (
    1e-3  # of the greatest spread; float16 cannot hold the whitening of a direction with less, so it is left out
)


@dataclass(frozen=True, slots=True)
class Examples:
    """Maps of N draws and the draws themselves."""

    maps: Maps
    draws: list[Draw]

    def only(self, keep: Sequence[bool]) -> "Examples":
        """The draws where `keep` (N) is true, in the same order."""
        kept = np.flatnonzero(keep)
        return Examples(self.maps.only(kept), [self.draws[i] for i in kept])


@dataclass(frozen=True, slots=True)
class Fitted:
    """Tuned convolutions and heads as float32 tensors, standardization folded in, and the log of each section."""

    tensors: dict[str, Floats]
    history: list[dict[str, float]]


def fit(
    train: Examples, val: Examples, *, settings: Settings, start: dict[str, Floats], work: Path, policy: str
) -> Fitted:
    """Train. `work` gets a checkpoint after every section, from which a stopped run resumes.

    train: if fewer than `settings.copies` draws, they come again. val: only for the log. start: the base's weights; if
    it has heads, these are tuned further, otherwise they begin at random. policy: Keras' dtype policy of the
    convolutions.
    """
    import keras
    import tensorflow as tf

    from ml.training.detector.network import Detector

    keras.utils.set_random_seed(settings.seed)
    rows = [row for row, _ in train.draws]
    tumor, types = tumor_targets(rows).astype(np.float32), type_targets(rows).astype(np.int32)
    norm = moments(train, start, policy, settings.first_block)
    detector = Detector.build(start, *norm, settings=settings, policy=policy)
    weights = type_weights(rows)
    folder = work / "checkpoints" / _digest(train, settings, start, policy)
    state = tf.train.Checkpoint(**detector.state())
    manager = tf.train.CheckpointManager(state, str(folder), max_to_keep=1)
    history: list[dict[str, float]] = []
    if manager.latest_checkpoint:
        state.restore(manager.latest_checkpoint).expect_partial()
        number = int(manager.latest_checkpoint.rpartition("-")[2])
        history = json.loads(_progress(folder, number).read_text(encoding="utf-8"))
    for section in range(len(history), settings.sections):
        totals: list[Floats] = []
        bar = tqdm(range(settings.steps), desc=f"section {section + 1} of {settings.sections}", mininterval=10)
        for step in bar:
            first = (section * settings.steps + step) * settings.batch
            chosen = np.arange(first, first + settings.batch) % len(train.draws)
            detector.schedule((section + step / settings.steps) / settings.sections)
            totals.append(detector.step(*train.maps.take(chosen), tumor[chosen], types[chosen], weights[chosen]))
            if step % 20 == 0:
                bar.set_postfix({"loss": f"{np.mean([t.sum() for t in totals[-50:]]):.3f}"})
        names = ("picture", "cell", "location", "type")
        reader = Reader(detector.tensors(), policy=policy, first_block=settings.first_block)
        seen = figures(reader.read(val.maps), val.maps, val.draws)
        history.append(dict(zip(names, np.mean(totals, axis=0).round(5).tolist(), strict=True)) | seen)
        _log.info("section %d: %s", section + 1, history[-1])
        folder.mkdir(parents=True, exist_ok=True)
        _progress(folder, section + 1).write_text(json.dumps(history), encoding="utf-8")  # first, so none lacks it
        manager.save(checkpoint_number=section + 1)
        _progress(folder, section).unlink(missing_ok=True)
    return Fitted(detector.tensors(), history)


def _progress(folder: Path, number: int) -> Path:
    """The log that belongs to checkpoint `number`."""
    return folder / f"progress-{number}.json"


def moments(train: Examples, start: dict[str, Floats], policy: str, first_block: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation (512,) of block5_conv3 with the initial weights."""
    from ml.model.keras_network import build_tail, precision

    with precision(policy):
        tail = build_tail(start, first_block)
    maps, _ = train.maps.take(np.arange(min(NORM_EXAMPLES, len(train.maps))))
    outputs = np.asarray(tail.predict(maps.astype(np.float32), batch_size=32, verbose=0), np.float32)
    flat = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
    # A channel that is always off has no spread to divide by.
    return flat.mean(axis=0).astype(np.float32), np.maximum(flat.std(axis=0), 1e-3 * flat.std()).astype(np.float32)


def type_weights(rows: Sequence[Row]) -> Floats:
    """(N,) weights of images in the type loss; their mean over the images of known type is 1, and 0 for the others.

    A source with one type teaches what the source looks like, not the type, so its images weigh a quarter.
    """
    types: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        types[row.source].add(row.type)
    weights = np.array([(1.0 if len(types[row.source] - {""}) > 1 else _ONE_TYPE) * bool(row.type) for row in rows])
    return np.asarray(weights * np.count_nonzero(weights) / max(weights.sum(), 1e-9), np.float32)


def embedding(described: Floats) -> tuple[Floats, Floats]:
    """Kernel (1024, 64) and bias (64,) that whiten the principal components of described images (N, 1024).

    If fewer than 64 directions vary, the rest of the embedding is 0.
    """
    with np.errstate(invalid="ignore"):  # images that are all alike have no variance to explain
        pca = PCA(min(EMBEDDING, *described.shape), svd_solver="full").fit(described)
    varying = pca.singular_values_ > _MIN_SPREAD * pca.singular_values_[0]
    kernel = np.zeros((described.shape[1], EMBEDDING), np.float32)
    scale = np.sqrt(len(described)) / pca.singular_values_[varying]
    kernel[:, : len(scale)] = pca.components_[varying].T * scale
    return kernel, np.asarray(-pca.mean_ @ kernel, np.float32)


def _digest(train: Examples, settings: Settings, start: dict[str, Floats], policy: str) -> str:
    """A hash of everything that a training's result depends on."""
    drawn = [(row.key, row.source, row.label, row.type, round_) for row, round_ in train.draws]
    content = [settings.as_dict(), policy, tensors_digest(start), train.maps.key, drawn]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
