"""Pictures through one model: read, gate, preprocess, one forward pass, heads.

Everything that is shown comes from that one pass. Of many pictures the next ones are read while the network is at the
last ones, so that none of a machine's cores waits for another.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.contracts import TUMOR_TYPES, Analysis, Evidence, Gate, Image, Prediction, UnreadableImage
from ml.evidence.localize import locate
from ml.inference import pixel_checks
from ml.inference.registry import Model
from ml.inference.timing import SharedClock
from ml.model.vgg16 import Maps
from ml.preprocess import Geometry, preprocess, to_network

Source = Path | str | bytes | Image | Callable[[], Image]
"""A picture: a path, a file's bytes, decoded, or what decodes it, so that one of many is in memory at a time."""


def analyze(model: Model, image: Source, *, max_pixels: int = readers.MAX_PIXELS) -> Analysis:
    """Analyze one picture, given as a path, as a file's bytes, decoded, or as a function that decodes it.

    Never raises for what is in the picture: a file that cannot be read, or holds nothing to judge, gives an Analysis
    with outcome `refused` and the reason in `gate`. `milliseconds` has read, preprocess, forward, head and total.
    """
    group = [_prepare(model, image, max_pixels)]
    [analysis] = _read(model, group, _pass(model, group, SharedClock()))
    return analysis


def analyze_each(
    model: Model, images: Iterable[Source], *, batch: int = 1, max_pixels: int = readers.MAX_PIXELS
) -> Iterator[Analysis]:
    """Analyze pictures, `batch` of them in a forward pass; one Analysis each, in order, as `analyze` gives.

    Passes run in threads of their own, as many at once as the engine gains by. Meanwhile the next pictures are taken
    from `images`, read and prepared, and the caller is at work on what was yielded last. An error that `images`, or a
    function in it, raises comes after the results of the pictures before it.

    The time of what is shared, a batch or the cores of passes at once, is divided among the pictures that took part.
    """
    groups, passes = _groups(model, images, batch, max_pixels), model.engine.concurrent_passes
    running: deque[tuple[list[_Prepared], Future[_Passed]]] = deque()
    clock = SharedClock()
    network = ThreadPoolExecutor(passes, thread_name_prefix="forward")
    try:
        while True:
            group, error = None, None
            try:
                group = next(groups, None)
            except Exception as raised:
                error = raised
            if group is not None:
                running.append((group, network.submit(_pass, model, group, clock)))
            while running and (group is None or len(running) > passes or running[0][1].done()):
                done, passed = running.popleft()
                yield from _read(model, done, passed.result())
            if error is not None:
                raise error
            if group is None:
                return
    finally:
        network.shutdown(cancel_futures=True)  # of a caller that has seen enough


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
class _Passed:
    """What the network gave for those of a group that were accepted (None: there are none), and its seconds."""

    maps: Maps | None
    seconds: float


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of one picture after the pass, or after it was refused before."""

    gate: Gate
    trained_on: bool = False
    prediction: Prediction | None = None
    evidence: Evidence | None = None
    embedding: NDArray[np.float32] | None = None


def _groups(model: Model, images: Iterable[Source], batch: int, max_pixels: int) -> Iterator[list[_Prepared]]:
    """So many pictures at a time, ready for the network; those before an error still come, and then it is raised."""
    group: list[_Prepared] = []
    try:
        for image in images:
            group.append(_prepare(model, image, max_pixels))
            if len(group) == batch:
                yield group
                group = []
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group


def _prepare(model: Model, image: Source, max_pixels: int) -> _Prepared:
    start = perf_counter()
    try:
        decoded = _decoded(image, max_pixels)
    except UnreadableImage as error:
        refusal = Gate(accepted=False, reason=error.code, message=error.message)
        return _Prepared(refusal, False, None, None, perf_counter() - start, 0.0)
    middle = perf_counter()
    verdict = pixel_checks.check(decoded)
    square, geometry = preprocess(decoded) if verdict.accepted else (None, None)
    trained_on = verdict.accepted and model.training_hashes.matches(decoded)
    return _Prepared(verdict, trained_on, square, geometry, middle - start, perf_counter() - middle)


def _decoded(image: Source, max_pixels: int) -> Image:
    if isinstance(image, Image):
        return image
    return image() if callable(image) else readers.read(image, max_pixels=max_pixels)


def _pass(model: Model, group: list[_Prepared], clock: SharedClock) -> _Passed:
    squares = [one.square for one in group if one.square is not None]
    if not squares:
        return _Passed(None, 0.0)
    with clock.work() as seconds:
        maps = model.engine.forward(to_network(np.stack(squares)))
    return _Passed(maps, *seconds)


def _read(model: Model, group: list[_Prepared], passed: _Passed) -> list[Analysis]:
    """The results of a group from its maps."""
    start, accepted = perf_counter(), [one for one in group if one.square is not None]
    findings = iter(_judged(model, passed.maps, accepted) if passed.maps is not None else ())
    shared = {"forward": passed.seconds, "head": perf_counter() - start}
    results = []
    for one in group:
        took_part = one.square is not None
        found = next(findings) if took_part else _Read(one.gate)
        of_shared = {stage: value / len(accepted) if took_part else 0.0 for stage, value in shared.items()}
        results.append(_analysis(model, found, {"read": one.read, "preprocess": one.preprocess} | of_shared))
    return results


def _judged(model: Model, maps: Maps, accepted: list[_Prepared]) -> list[_Read]:
    reading = model.heads.apply(maps.block5)
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
