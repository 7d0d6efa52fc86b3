"""Analyze images with one model: read, check, preprocess, one forward pass, heads.

Everything the user sees comes from that one pass. With many images, the next ones are read while the network works on
the current ones, so no core is idle.
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
from ml.contracts import Analysis, Evidence, Gate, Image, Prediction, UnreadableImage
from ml.evidence.localize import locate
from ml.inference import pixel_checks
from ml.inference.registry import Model
from ml.inference.timing import SharedTimer
from ml.model.vgg16 import Maps
from ml.preprocess import Geometry, preprocess, to_network

Source = Path | str | bytes | Image | Callable[[], Image]
"""An image: a path, a file's bytes, decoded pixels, or a function that decodes them when their turn comes."""


def analyze(model: Model, image: Source, *, max_pixels: int = readers.MAX_PIXELS) -> Analysis:
    """Analyze one image.

    Never raises because of the image's content: an unreadable file, or one that is no brain MRI, gives an Analysis with
    outcome `refused` and the reason in `gate`. `milliseconds` has read, preprocess, forward, head and total.
    """
    batch = [_prepare(model, image, max_pixels)]
    [analysis] = _finish(model, batch, _forward(model, batch, SharedTimer()))
    return analysis


def analyze_each(
    model: Model, images: Iterable[Source], *, batch: int = 1, max_pixels: int = readers.MAX_PIXELS
) -> Iterator[Analysis]:
    """Analyze images, `batch` of them per forward pass; yields what `analyze` returns for each, in order.

    Passes run in threads, as many at once as the engine gains from. Meanwhile the next images are read and prepared,
    and the caller handles the analyses yielded so far. If `images`, or a function in it, raises, the error is raised
    here after the analyses of the images before it.

    Time spent together, on a batch or on concurrent passes, is divided among the images that took part.
    """
    batches, passes = _batches(model, images, batch, max_pixels), model.engine.concurrent_passes
    running: deque[tuple[list[_Prepared], Future[_ForwardResult]]] = deque()
    timer = SharedTimer()
    network = ThreadPoolExecutor(passes, thread_name_prefix="forward")
    try:
        while True:
            prepared, error = None, None
            try:
                prepared = next(batches, None)
            except Exception as raised:
                error = raised
            if prepared is not None:
                running.append((prepared, network.submit(_forward, model, prepared, timer)))
            while running and (prepared is None or len(running) > passes or running[0][1].done()):
                oldest, forward = running.popleft()
                yield from _finish(model, oldest, forward.result())
            if error is not None:
                raise error
            if prepared is None:
                return
    finally:
        network.shutdown(cancel_futures=True)  # the caller may stop early


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One image ready for the network, or already refused (`square` is None). Times in seconds."""

    gate: Gate
    trained_on: bool
    square: NDArray[np.float32] | None
    geometry: Geometry | None
    read: float
    preprocess: float


@dataclass(frozen=True, slots=True)
class _ForwardResult:
    """The network's maps for a batch's accepted images (None if there are none), and the pass's time in seconds."""

    maps: Maps | None
    seconds: float


@dataclass(frozen=True, slots=True)
class _Result:
    """What is known of one image after the pass, or once it was refused."""

    gate: Gate
    trained_on: bool = False
    prediction: Prediction | None = None
    evidence: Evidence | None = None
    embedding: NDArray[np.float32] | None = None


def _batches(model: Model, images: Iterable[Source], batch: int, max_pixels: int) -> Iterator[list[_Prepared]]:
    """Prepared images, `batch` at a time. If `images` raises, the images before it are yielded first."""
    prepared: list[_Prepared] = []
    try:
        for image in images:
            prepared.append(_prepare(model, image, max_pixels))
            if len(prepared) == batch:
                yield prepared
                prepared = []
    except Exception:
        if prepared:
            yield prepared
        raise
    if prepared:
        yield prepared


def _prepare(model: Model, image: Source, max_pixels: int) -> _Prepared:
    start = perf_counter()
    try:
        decoded = _decode(image, max_pixels)
    except UnreadableImage as error:
        refusal = Gate(accepted=False, reason=error.code, message=error.message)
        return _Prepared(refusal, False, None, None, perf_counter() - start, 0.0)
    middle = perf_counter()
    gate = pixel_checks.check(decoded)
    square, geometry = preprocess(decoded) if gate.accepted else (None, None)
    trained_on = gate.accepted and model.training_hashes.matches(decoded)
    return _Prepared(gate, trained_on, square, geometry, middle - start, perf_counter() - middle)


def _decode(image: Source, max_pixels: int) -> Image:
    if isinstance(image, Image):
        return image
    return image() if callable(image) else readers.read(image, max_pixels=max_pixels)


def _forward(model: Model, batch: list[_Prepared], timer: SharedTimer) -> _ForwardResult:
    squares = [image.square for image in batch if image.square is not None]
    if not squares:
        return _ForwardResult(None, 0.0)
    with timer.measure() as seconds:
        maps = model.engine.forward(to_network(np.stack(squares)))
    return _ForwardResult(maps, *seconds)


def _finish(model: Model, batch: list[_Prepared], forward: _ForwardResult) -> list[Analysis]:
    """The analyses of a batch, from its maps."""
    start, accepted = perf_counter(), [image for image in batch if image.square is not None]
    results = iter(_judge(model, forward.maps, accepted) if forward.maps is not None else ())
    shared = {"forward": forward.seconds, "head": perf_counter() - start}
    analyses = []
    for image in batch:
        took_part = image.square is not None
        result = next(results) if took_part else _Result(image.gate)
        own_part = {stage: value / len(accepted) if took_part else 0.0 for stage, value in shared.items()}
        analyses.append(_analysis(model, result, {"read": image.read, "preprocess": image.preprocess} | own_part))
    return analyses


def _judge(model: Model, maps: Maps, accepted: list[_Prepared]) -> list[_Result]:
    """Run the gate and the heads on a pass's maps: one result for each image in it."""
    outputs = model.heads.apply(maps.block5)
    probabilities = model.calibration.probability(outputs.logits)
    cells = model.calibration.cells(outputs.cells)
    types = model.calibration.types(outputs.types)
    results = []
    for n, image in enumerate(accepted):
        assert image.geometry is not None
        gate = model.gate.judge(maps, n)
        if not gate.accepted:
            results.append(_Result(gate, image.trained_on))
            continue
        probability = float(probabilities[n])
        prediction = Prediction(
            outcome="tumor" if probability >= model.manifest.threshold else "no_tumor",
            tumor_probability=probability,
            type_probabilities=dict(zip(model.manifest.types, map(float, types[n]), strict=True)),
            uncertain=model.calibration.is_uncertain(probability),
        )
        evidence = locate(cells[n], geometry=image.geometry)
        results.append(_Result(gate, image.trained_on, prediction, evidence, outputs.embedding[n]))
    return results


def _analysis(model: Model, result: _Result, seconds: dict[str, float]) -> Analysis:
    seconds = seconds | {"total": sum(seconds.values())}
    return Analysis(
        outcome=result.prediction.outcome if result.prediction else "refused",
        gate=result.gate,
        model=model.manifest.label,
        engine=model.engine.name,
        prediction=result.prediction,
        evidence=result.evidence,
        trained_on=result.trained_on,
        embedding=result.embedding,
        milliseconds={stage: round(value * 1000, 3) for stage, value in seconds.items()},
    )
