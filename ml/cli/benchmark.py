"""What the model costs on this machine: each stage, and the convolutions beside Keras' own `predict`.

Engine and Keras take turns, so a machine that slows down slows both. Figures are medians with quartiles. The input is a
synthetic image: a convolution costs the same whatever it sees.
"""

import io
import os
import platform
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, sleep
from typing import Any

import numpy as np
from PIL import Image as Pillow

from ml import readers
from ml.evidence.localize import locate
from ml.inference import pixel_checks
from ml.inference.registry import Model, read_tensors
from ml.model.vgg16 import Maps
from ml.preprocess import Geometry, preprocess, to_network

BATCHES = (1, 8)
SETTLE_SECONDS = 0.1
"""Pause in seconds between runs of different engines."""

SIDE = 512
"""Side of the synthetic image in pixels, that of a clinical slice."""


def measure(model: Model, *, repeats: int) -> dict[str, Any]:
    """Measure everything; JSON-ready figures in milliseconds. Forward times are per image, whatever the batch."""
    data = _image()
    decoded = readers.read(data)
    square, geometry = preprocess(decoded)
    maps = model.engine.forward(to_network(square[None]))
    steps = {
        "read": lambda: readers.read(data),
        "gate": lambda: (pixel_checks.check(decoded), model.gate.judge(maps, 0)),
        "preprocess": lambda: (preprocess(decoded), model.training_hashes.matches(decoded)),
        "head": lambda: _head(model, maps, geometry),
    }
    peer = keras_peer(model)
    return {
        "model": model.manifest.label,
        "engine": model.engine.name,
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "repeats": repeats,
        "stages_ms": {name: spread(in_turns({name: step}, repeats=repeats)[name]) for name, step in steps.items()},
        "forward_ms": [_forward(model, peer, square, batch, repeats) for batch in BATCHES],
        "peak_memory_mb": _peak_memory_mb(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures for a terminal."""
    lines = [
        f"{figures['model']}, engine {figures['engine']}, {figures['machine']['cores']} cores, "
        f"{figures['repeats']} runs of each; median (quartiles) in ms an image"
    ]
    for name, ms in figures["stages_ms"].items():
        lines.append(f"  {name:<26}{_cell(ms)}")
    for row in figures["forward_ms"]:
        lines.append(f"  forward, batch {row['batch']:<11}{_cell(row['engine'])}")
        lines.append(
            f"  Keras predict, batch {row['batch']:<5}{_cell(row['keras'])}   {row['ratio']:.2f} times the engine"
        )
    lines.append(f"  peak memory               {figures['peak_memory_mb']:.0f} MB")
    return "\n".join(lines)


def _head(model: Model, maps: Maps, geometry: Geometry) -> None:
    """Everything after the pass: heads, calibration, evidence."""
    outputs = model.heads.apply(maps.block5)
    model.calibration.probability(outputs.logits)
    model.calibration.types(outputs.types)
    locate(model.calibration.cells(outputs.cells)[0], geometry=geometry)


def _forward(model: Model, peer: Any, square: Any, batch: int, repeats: int) -> dict[str, Any]:
    inputs = to_network(np.repeat(square[None], batch, axis=0))
    runs = {"engine": lambda: model.engine.forward(inputs), "keras": lambda: peer.predict(inputs, verbose=0)}
    times = {name: spread([t / batch for t in taken]) for name, taken in in_turns(runs, repeats=repeats).items()}
    return {"batch": batch, **times, "ratio": times["keras"]["median"] / times["engine"]["median"]}


def keras_peer(model: Model) -> Any:
    """The same convolutions as a Keras model, for its own `predict`."""
    from ml.model.keras_network import build_base, set_base_tensors

    base = build_base(None)
    set_base_tensors(base, read_tensors(model.manifest))
    return base


def in_turns(runs: Mapping[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each run, taken in turns.

    Each turn first pauses, because the threads of ONNX Runtime and OpenMP keep spinning for a while. Then it runs twice
    and times the second run, whose weights are in the caches as they are in a process with one engine.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            sleep(SETTLE_SECONDS if len(runs) > 1 else 0)
            run()
            start = perf_counter()
            run()
            times[name].append((perf_counter() - start) * 1000)
    return times


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, 95th percentile and maximum."""
    low, median, high, p95 = np.percentile(times, (25, 50, 75, 95))
    named = {"median": median, "q1": low, "q3": high, "p95": p95, "max": max(times)}
    return {name: round(float(value), 3) for name, value in named.items()}


def _cell(ms: dict[str, float]) -> str:
    return f"{ms['median']:9.2f} ({ms['q1']:.2f}–{ms['q3']:.2f})"


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform == "linux" else 1024 * 1024), 1)


def _image() -> bytes:
    """A PNG of a textured disc on black, SIDE × SIDE."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    noise = np.random.default_rng(0).normal(0, 8, (SIDE, SIDE))
    plane = np.where(np.hypot(x / 0.75, y / 0.9) < 1, 120 + 40 * np.cos(9 * x) * np.sin(7 * y) + noise, 0)
    buffer = io.BytesIO()
    Pillow.fromarray(np.clip(plane, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
