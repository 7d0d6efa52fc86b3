"""One whole prediction from a file's bytes, compared with how the prototype did it."""

import io
from typing import Any

import numpy as np
from PIL import Image as Pillow

from bench.images import slices
from ml import analyze
from ml.cli.benchmark import in_turns, keras_peer, spread
from ml.inference.registry import load_model
from ml.preprocess import SIZE, to_network


def measure(*, repeats: int) -> dict[str, Any]:
    """Milliseconds of a prediction, of its parts without the forward pass, and of the prototype's way."""
    model = load_model(engine="ncnn")
    keras = keras_peer(model)
    [data] = slices(1)
    besides: list[float] = []

    def ours() -> None:
        taken = analyze(model, data).milliseconds
        besides.append(taken["total"] - taken["forward"])

    def prototype() -> None:
        small = np.asarray(Pillow.open(io.BytesIO(data)).convert("L").resize((SIZE, SIZE)), np.float32)
        keras.predict(to_network(small[None]), verbose=0)

    times = in_turns({"prediction": ours, "prototype": prototype}, repeats=repeats)
    return {name: spread(taken) for name, taken in times.items()} | {"besides_forward": spread(besides[1::2])}
