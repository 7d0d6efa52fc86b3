"""One picture through one model: read, gate, preprocess, one forward pass, heads. Everything shown comes from that pass."""

from pathlib import Path
from time import perf_counter

from ml import gate, readers
from ml.contracts import Analysis, Gate, Image, UnreadableImage
from ml.preprocess import preprocess, to_network
from ml.registry import Model


def analyse(model: Model, image: Path | str | bytes | Image, *, max_pixels: int = readers.MAX_PIXELS) -> Analysis:
    """Analyse one picture, given as a path, as a file's bytes, or decoded.

    Never raises for what is in the picture: a file that cannot be read, or holds nothing to judge, gives an Analysis
    with outcome `refused` and the reason in `gate`. `milliseconds` has read, preprocess, forward, head and total.
    """
    clock = _Clock()
    try:
        decoded = image if isinstance(image, Image) else readers.read(image, max_pixels=max_pixels)
    except UnreadableImage as error:
        clock.lap("read")
        refusal = Gate(accepted=False, reason=error.code, message=error.message)
        return _refused(model, refusal, clock)
    clock.lap("read")
    verdict = gate.check(decoded)
    if not verdict.accepted:
        clock.lap("preprocess")
        return _refused(model, verdict, clock)
    square, _ = preprocess(decoded)
    batch = to_network(square[None])
    clock.lap("preprocess")
    features = model.engine.forward(batch)
    clock.lap("forward")
    [prediction] = model.heads.predict(features, threshold=model.manifest.threshold)
    clock.lap("head")
    return Analysis(
        outcome=prediction.outcome,
        gate=verdict,
        model=model.manifest.label,
        engine=model.engine.name,
        prediction=prediction,
        milliseconds=clock.milliseconds(),
    )


def _refused(model: Model, verdict: Gate, clock: "_Clock") -> Analysis:
    return Analysis(
        outcome="refused",
        gate=verdict,
        model=model.manifest.label,
        engine=model.engine.name,
        milliseconds=clock.milliseconds(),
    )


class _Clock:
    """Lap times of the stages, in milliseconds. A stage that did not run is 0."""

    def __init__(self) -> None:
        self._start = self._last = perf_counter()
        self._laps = {"read": 0.0, "preprocess": 0.0, "forward": 0.0, "head": 0.0}

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self._laps[stage] = now - self._last
        self._last = now

    def milliseconds(self) -> dict[str, float]:
        laps = self._laps | {"total": self._last - self._start}
        return {stage: round(seconds * 1000, 3) for stage, seconds in laps.items()}
