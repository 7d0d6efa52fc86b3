"""Training of the heads on pooled features: seeded, balanced, stopped early on the validation split."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.training.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.settings import Settings
from ml.training.splits import Row

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Examples:
    """Pooled features (N, 512) and the row each was made of; augmented copies repeat their row."""

    features: Floats
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The heads as float32 tensors, standardization folded in, and the loss of every epoch that was run."""

    tensors: dict[str, Floats]
    history: dict[str, list[float]]
    best_epoch: int


def fit(train: Examples, val: Examples, *, settings: Settings, work: Path) -> Fitted:
    """Train both heads. `work` keeps a backup after every epoch; a run that was stopped goes on from there.

    Early stopping watches the weighted validation loss and takes the weights of its best epoch.
    """
    import keras
    import tensorflow as tf

    from ml.network import build_heads

    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    mean, std = moments(train.features)
    model = build_heads(mean=mean, std=std, l2=settings.l2, dropout=settings.dropout)
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss={"tumor": "sparse_categorical_crossentropy", "type": "sparse_categorical_crossentropy"},
        loss_weights={"tumor": 1.0, "type": settings.type_weight},
    )
    x, y, weights = _arrays(train)
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="min", patience=settings.patience, restore_best_weights=True
    )
    backup = keras.callbacks.BackupAndRestore(str(work / "backup" / _digest(train, settings)))
    history = model.fit(
        x,
        y,
        sample_weight=weights,
        validation_data=_arrays(val),
        epochs=settings.epochs,
        batch_size=settings.batch,
        callbacks=[stop, backup, _progress(settings.epochs)],
        verbose=0,
    )
    losses = {name: [float(value) for value in values] for name, values in history.history.items()}
    return Fitted(folded(model, mean, std), losses, int(np.argmin(losses["val_loss"])) + 1)


def moments(features: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (512,) of the training features; channels that never vary get 1."""
    std = features.std(axis=0)
    return features.mean(axis=0), np.where(std > 1e-6, std, 1.0).astype(np.float32)


def folded(model: Any, mean: Floats, std: Floats) -> dict[str, Floats]:
    """The heads' tensors, named as `ml.heads.TENSORS`, with (x - mean) / std folded into the hidden layer."""
    tensors = {}
    for layer in ("hidden", "tumor", "type"):
        kernel, bias = (np.asarray(value, np.float64) for value in model.get_layer(layer).get_weights())
        if layer == "hidden":
            kernel = kernel / std[:, None]
            bias = bias - mean @ kernel
        tensors[f"{layer}/kernel"], tensors[f"{layer}/bias"] = kernel.astype(np.float32), bias.astype(np.float32)
    return tensors


def tumor_weights(rows: list[Row]) -> Floats:
    """(N,) weights of mean 1: both classes weigh the same; within a class a source weighs as the root of its size.

    The root lies between every picture counting the same, where the largest source decides, and every source counting
    the same, where a handful of pictures of the smallest one do.
    """
    cells = np.array([f"{row.source}/{row.tumor}" for row in rows])
    truth = tumor_targets(rows)
    weights = np.zeros(len(rows))
    for cell in np.unique(cells):
        here = cells == cell
        weights[here] = here.sum() ** -0.5
    for value in (0, 1):
        if (truth == value).any():
            weights[truth == value] /= weights[truth == value].sum()
    return np.asarray(weights / weights.mean(), np.float32)


def type_weights(rows: list[Row]) -> Floats:
    """(N,) 0 where the type is unknown; elsewhere the three types weigh the same, of mean 1 over the known."""
    kinds = type_targets(rows)
    weights = np.zeros(len(rows))
    known = np.unique(kinds[kinds != UNKNOWN_TYPE])
    for kind in known:
        here = kinds == kind
        weights[here] = (kinds != UNKNOWN_TYPE).sum() / (len(known) * here.sum())
    return weights.astype(np.float32)


def _arrays(examples: Examples) -> tuple[Floats, dict[str, Any], dict[str, Floats]]:
    rows = examples.rows
    targets = {"tumor": tumor_targets(rows), "type": np.maximum(type_targets(rows), 0)}
    return examples.features, targets, {"tumor": tumor_weights(rows), "type": type_weights(rows)}


def _digest(examples: Examples, settings: Settings) -> str:
    """Names a run by what it learns from, so that a backup is never taken up with other data or settings."""
    digest = hashlib.sha256(json.dumps(settings.as_dict(), sort_keys=True).encode())
    digest.update(np.ascontiguousarray(examples.features).tobytes())
    return digest.hexdigest()[:16]


def _progress(epochs: int) -> Any:
    import keras
    from tqdm import tqdm

    class Progress(keras.callbacks.Callback):  # type: ignore[misc]
        """One bar over the epochs, with the losses beside it."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.bar = tqdm(total=epochs, desc="heads", unit="epoch")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.bar.update(epoch + 1 - self.bar.n)
            self.bar.set_postfix({name: f"{logs[name]:.3f}" for name in ("loss", "val_loss") if name in logs})

        def on_train_end(self, logs: Any = None) -> None:
            self.bar.close()

    return Progress()
