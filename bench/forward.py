"""The convolutions alone, engine against engine, for one image and for a batch of eight."""

from functools import partial
from typing import Any

import numpy as np

from bench.images import slices
from bench.peers import forwards
from ml import readers
from ml.cli.benchmark import in_turns, spread
from ml.inference.registry import load_model
from ml.preprocess import preprocess, to_network

BATCHES = (1, 8)


def measure(*, repeats: int) -> dict[str, Any]:
    """Milliseconds per image by batch size and engine. Raises RuntimeError if the engines disagree."""
    run = forwards(load_model(engine="ncnn"))
    images = np.stack([preprocess(readers.read(data))[0] for data in slices(max(BATCHES))])
    require_agreement(run, to_network(images[:1]))
    found = {}
    for batch in BATCHES:
        inputs = to_network(images[:batch])
        times = in_turns({name: partial(forward, inputs) for name, forward in run.items()}, repeats=repeats)
        found[str(batch)] = {name: spread([t / batch for t in taken]) for name, taken in times.items()}
    return found


def require_agreement(run: Any, inputs: Any) -> None:
    """A peer must not be faster because it computes something else."""
    maps = run["ncnn"](inputs)
    for name, other in (
        ("tensorflow", run["tensorflow"](inputs).block5),
        ("onnxruntime", run["onnxruntime"](inputs)[-1]),
    ):
        if not np.allclose(maps.block5, other, rtol=1e-2, atol=1e-2 * float(np.abs(other).max())):
            raise RuntimeError(f"ncnn and {name} do not agree on block5_conv3")
