"""What a result says in sentences. Pages, printed reports and exports use these, so that none contradicts another."""

from diagnosis.models import Prediction
from diagnosis.models.prediction import Outcome
from diagnosis.presentation import evidence, labels, predictive_values
from ml.percent import percent

TRAINED_ON = (
    "This scan was used to train the model.",
    "This result does not show how well the model does on new scans.",
)
"""The fact, and what it means for the result."""


def meaning(prediction: Prediction) -> tuple[str, ...]:
    """What the number and the outcome of a finished prediction mean, in reading order."""
    texts = []
    if not labels.is_calibrated(prediction):
        texts.append(
            "Not a calibrated probability: a higher score means that a tumor is more likely, but not how likely."
        )
    elif prediction.tumor_probability is not None:
        texts.append(labels.per_hundred(prediction.tumor_probability))
    if prediction.uncertain:
        band = labels.uncertain_band(prediction)
        words = (
            f": from {percent(band[0])} to {percent(band[1])} this model says neither tumor nor no tumor"
            if band
            else ""
        )
        texts.append(f"Too close to call{words}. A person has to decide.")
        if prediction.type_probabilities:
            texts.append("No tumor type is stated for an uncertain result.")
    if message := (prediction.gate or {}).get("message"):
        texts.append(message)
    if prediction.outcome == Outcome.NO_TUMOR and not prediction.uncertain:
        seen = "this series" if prediction.series else "this one image"
        texts.append(f"Not an all-clear: the model looked at {seen} only, and it misses some tumors.")
    return (*texts, *predictive_values.sentences(prediction))


def series(prediction: Prediction) -> tuple[str, ...]:
    """Which slices of a series point to a tumor, and what that is worth; empty for a single image."""
    if prediction.series is None:
        return ()
    if not prediction.covers_all:
        return (_changed_since(prediction),)
    texts = []
    runs = labels.runs(prediction)
    if runs:
        alone = len(runs) == 1 and runs[0][0] == runs[0][1]
        themselves, point = ("itself", "points") if alone else ("themselves", "point")
        texts.append(f"By {themselves}, {_listed(runs)} of {prediction.scan.frames} {point} to a tumor.")
    else:
        texts.append("No slice points to a tumor by itself.")
    if extent := labels.extent(prediction):
        texts.append(f"The strongest evidence extends over {extent}.")
    if prediction.uncertain:
        texts.append("Taken together they decide nothing: the series is uncertain.")
    elif prediction.outcome == Outcome.TUMOR and not runs:
        texts.append("Taken together they do.")
    elif prediction.outcome == Outcome.NO_TUMOR and runs:
        texts.append("Taken together they do not: few healthy heads are without any such slice.")
    return tuple(texts)


def _changed_since(prediction: Prediction) -> str:
    left = prediction.progress - prediction.scan.frames
    if left > 0:
        gone = "1 slice has" if left == 1 else f"{left} slices have"
        return f"{gone} left this scan since: this prediction counts them. Each of the others shows what it says of it."
    covered = f"{prediction.progress} of {prediction.scan.frames}"
    return f"More slices have arrived since: this prediction covers {covered}. Each shows what it says of it."


def where(prediction: Prediction) -> tuple[str, ...]:
    """Where on the image the evidence lies; empty if the prediction has none."""
    layer = evidence.of_prediction(prediction)
    if layer is None:
        return ()
    if layer.box is None:
        return ("No localized evidence: no single region suggests a tumor.",)
    slice_index = prediction.key_slice.index if prediction.key_slice else None
    start = "Strongest" if slice_index is None else f"In slice {slice_index + 1}, strongest"
    return (
        f"{start} in the {layer.region} of the image. The box holds {layer.in_box} of the evidence.",
        labels.orientation_text(prediction),
    )


def _listed(runs: list[tuple[int, int]]) -> str:
    """`slices 12 to 18 and 31`, counted from 1."""
    parts = [str(first + 1) if first == last else f"{first + 1} to {last + 1}" for first, last in runs]
    noun = "slice" if len(runs) == 1 and runs[0][0] == runs[0][1] else "slices"
    return f"{noun} {parts[0]}" if len(parts) == 1 else f"{noun} {', '.join(parts[:-1])} and {parts[-1]}"
