"""Pictures through one model: read, gate, preprocess, one forward pass, heads.

Everything that is shown comes from that one pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ml import gate, readers
from ml.contracts import TUMOR_TYPES, Analysis, Evidence, Gate, Image, Prediction, UnreadableImage
from ml.engines import Maps
from ml.evidence import locate
from ml.preprocess import Geometry, preprocess, to_network
from ml.registry import Model

Source = Path | str | bytes | Image | Callable[[], Image]
"""A picture: a path, a file's bytes, decoded, or what decodes it, so that one of many is in memory at a time."""


def analyse(model: Model, image: Source, *, max_pixels: int = readers.MAX_PIXELS) -> Analysis:
    """Analyse one picture, given as a path, as a file's bytes, decoded, or as a function that decodes it.

    Never raises for what is in the picture: a file that cannot be read, or holds nothing to judge, gives an Analysis
    with outcome `refused` and the reason in `gate`. `milliseconds` has read, preprocess, forward, head and total.
    """
    return analyse_batch(model, [image], max_pixels=max_pixels)[0]


def analyse_batch(model: Model, images: Sequence[Source], *, max_pixels: int = readers.MAX_PIXELS) -> list[Analysis]:
    """Analyse several pictures in one forward pass; one Analysis each, in order, as `analyse` gives.

    The time of the shared steps, forward and head, is divided evenly among the pictures that took part.
    """
    prepared = [_prepare(model, image, max_pixels) for image in images]
    accepted = [item for item in prepared if item.square is not None]
    read: list[_Read] = []
    forward = head = 0.0
    if accepted:
        start = perf_counter()
        maps = model.engine.forward(to_network(np.stack([item.square for item in accepted if item.square is not None])))
        middle = perf_counter()
        read = _read(model, maps, accepted)
        forward, head = (middle - start) / len(accepted), (perf_counter() - middle) / len(accepted)
    coming = iter(read)
    results = []
    for item in prepared:
        taken = {"read": item.read, "preprocess": item.preprocess, "forward": 0.0, "head": 0.0}
        if item.square is None:
            results.append(_analysis(model, _Read(item.gate), taken))
        else:
            results.append(_analysis(model, next(coming), taken | {"forward": forward, "head": head}))
    return results


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One picture ready for the network, or refused (square is None); times in seconds."""

    gate: Gate
    trained_on: bool
    square: NDArray[np.float32] | None
    geometry: Geometry | None
    read: float
    preprocess: float


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of one picture after the pass, or after it was refused before."""

    gate: Gate
    trained_on: bool = False
    prediction: Prediction | None = None
    evidence: Evidence | None = None
    embedding: NDArray[np.float32] | None = None


def _prepare(model: Model, image: Source, max_pixels: int) -> _Prepared:
    start = perf_counter()
    try:
        decoded = _decoded(image, max_pixels)
    except UnreadableImage as error:
        refusal = Gate(accepted=False, reason=error.code, message=error.message)
        return _Prepared(refusal, False, None, None, perf_counter() - start, 0.0)
    middle = perf_counter()
    verdict = gate.check(decoded)
    square, geometry = preprocess(decoded) if verdict.accepted else (None, None)
    trained_on = verdict.accepted and model.known.matches(decoded)
    return _Prepared(verdict, trained_on, square, geometry, middle - start, perf_counter() - middle)


def _decoded(image: Source, max_pixels: int) -> Image:
    if isinstance(image, Image):
        return image
    return image() if callable(image) else readers.read(image, max_pixels=max_pixels)


def _read(model: Model, maps: Maps, accepted: list[_Prepared]) -> list[_Read]:
    reading = model.heads.read(maps.block5)
    probabilities = model.calibration.probability(reading.logits)
    cells = model.calibration.cells(reading.cells)
    types = model.calibration.types(reading.types)
    results = []
    for n, item in enumerate(accepted):
        assert item.geometry is not None
        verdict = model.gate.judge(maps, n)
        if not verdict.accepted:
            results.append(_Read(verdict, item.trained_on))
            continue
        probability = float(probabilities[n])
        prediction = Prediction(
            outcome="tumor" if probability >= model.manifest.threshold else "no_tumor",
            tumor_probability=probability,
            type_probabilities=dict(zip(TUMOR_TYPES, map(float, types[n]), strict=True)),
            uncertain=model.calibration.is_uncertain(probability),
        )
        evidence = locate(cells[n], geometry=item.geometry)
        results.append(_Read(verdict, item.trained_on, prediction, evidence, reading.embedding[n]))
    return results


def _analysis(model: Model, read: _Read, seconds: dict[str, float]) -> Analysis:
    seconds = seconds | {"total": sum(seconds.values())}
    return Analysis(
        outcome=read.prediction.outcome if read.prediction else "refused",
        gate=read.gate,
        model=model.manifest.label,
        engine=model.engine.name,
        prediction=read.prediction,
        evidence=read.evidence,
        trained_on=read.trained_on,
        embedding=read.embedding,
        milliseconds={stage: round(value * 1000, 3) for stage, value in seconds.items()},
    )
