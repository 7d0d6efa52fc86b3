"""Pictures through one model: read, gate, preprocess, one forward pass, heads.

Everything that is shown comes from that one pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ml import gate, readers
from ml.contracts import Analysis, Gate, Image, Prediction, UnreadableImage
from ml.preprocess import preprocess, to_network
from ml.registry import Model

Source = Path | str | bytes | Image


def analyse(model: Model, image: Source, *, max_pixels: int = readers.MAX_PIXELS) -> Analysis:
    """Analyse one picture, given as a path, as a file's bytes, or decoded.

    Never raises for what is in the picture: a file that cannot be read, or holds nothing to judge, gives an Analysis
    with outcome `refused` and the reason in `gate`. `milliseconds` has read, preprocess, forward, head and total.
    """
    return analyse_batch(model, [image], max_pixels=max_pixels)[0]


def analyse_batch(model: Model, images: Sequence[Source], *, max_pixels: int = readers.MAX_PIXELS) -> list[Analysis]:
    """Analyse several pictures in one forward pass; one Analysis each, in order, as `analyse` gives.

    The time of the shared steps, forward and head, is divided evenly among the pictures that took part.
    """
    prepared = [_prepare(image, max_pixels) for image in images]
    squares = [item.square for item in prepared if item.square is not None]
    predictions: list[Prediction] = []
    forward = head = 0.0
    if squares:
        start = perf_counter()
        features = model.engine.forward(to_network(np.stack(squares)))
        middle = perf_counter()
        predictions = model.heads.predict(features, threshold=model.manifest.threshold)
        forward, head = (middle - start) / len(squares), (perf_counter() - middle) / len(squares)
    coming = iter(predictions)
    results = []
    for item in prepared:
        taken = {"read": item.read, "preprocess": item.preprocess, "forward": 0.0, "head": 0.0}
        prediction = None
        if item.square is not None:
            prediction = next(coming)
            taken |= {"forward": forward, "head": head}
        results.append(_analysis(model, item.gate, prediction, taken))
    return results


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One picture ready for the network, or refused (square is None); times in seconds."""

    gate: Gate
    square: NDArray[np.float32] | None
    read: float
    preprocess: float


def _prepare(image: Source, max_pixels: int) -> _Prepared:
    start = perf_counter()
    try:
        decoded = image if isinstance(image, Image) else readers.read(image, max_pixels=max_pixels)
    except UnreadableImage as error:
        refusal = Gate(accepted=False, reason=error.code, message=error.message)
        return _Prepared(refusal, None, perf_counter() - start, 0.0)
    middle = perf_counter()
    verdict = gate.check(decoded)
    square = preprocess(decoded)[0] if verdict.accepted else None
    return _Prepared(verdict, square, middle - start, perf_counter() - middle)


def _analysis(model: Model, verdict: Gate, prediction: Prediction | None, seconds: dict[str, float]) -> Analysis:
    seconds = seconds | {"total": sum(seconds.values())}
    return Analysis(
        outcome=prediction.outcome if prediction else "refused",
        gate=verdict,
        model=model.manifest.label,
        engine=model.engine.name,
        prediction=prediction,
        milliseconds={stage: round(value * 1000, 3) for stage, value in seconds.items()},
    )
