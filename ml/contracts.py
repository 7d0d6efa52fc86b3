"""What `ml` gives and takes: frozen records that cross the border to the app, the command line and the tests.

Nothing here imports more than NumPy, so any process may import it: the web process uses the same records as the worker
without paying for an inference engine.
"""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["tumor", "no_tumor", "refused"]
TUMOR_TYPES = ("glioma", "meningioma", "pituitary")


class BrainscanError(Exception):
    """Base of every error `ml` raises on purpose. `code` is stable; the text is a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnreadableImage(BrainscanError):
    """The bytes are no image we can read; `code` names the rule that failed."""


class ModelUnavailable(BrainscanError):
    """There is no usable model: the artifact is missing, damaged, or its engine cannot be loaded."""


MAX_COLOR_FRACTION = 0.08
"""Largest share of colored pixels in a slice (see `ml.readers.color`). Slices with colored labels reach 0.044 in
scans.csv."""


@dataclass(frozen=True, slots=True)
class Image:
    """One decoded grayscale picture, upright.

    pixels: (height, width), uint8, uint16 or finite float32, EXIF orientation already applied.
    width, height: of the file as stored, before EXIF orientation, in pixels.
    orientation: EXIF orientation tag, 1 to 8 (1: stored upright).
    notes: sentences on how the file was read, for the person who looks at the result.
    color_fraction: fraction (0 to 1) of pixels whose color is more than a tint of gray, before it was reduced to gray.
    """

    pixels: NDArray[Any]
    format: str
    width: int
    height: int
    orientation: int = 1
    notes: tuple[str, ...] = ()
    color_fraction: float = 0.0

    @property
    def colored(self) -> bool:
        """Whether so much of it was in color that it is no slice."""
        return self.color_fraction > MAX_COLOR_FRACTION

    def pixel_sha256(self) -> str:
        """Hex digest of all that an answer depends on: shape, type and values of the decoded pixels, and, for the few
        others, that they are stored turned or were in color. Equal for copies in another file or format."""
        marks = f"o{self.orientation}" * (self.orientation != 1) + "c" * self.colored
        digest = hashlib.sha256(f"{self.pixels.dtype.str}{self.pixels.shape}{marks}".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the picture may be judged at all. `score` is what the deciding rule measured, `threshold` its limit."""

    accepted: bool
    score: float | None = None
    threshold: float | None = None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the heads say of one accepted picture.

    tumor_probability: 0 to 1, calibrated as the model's manifest says.
    type_probabilities: for each tumor type, given that there is a tumor; they sum to 1.
    uncertain: the probability lies in the band in which the model is often wrong; the outcome is what the threshold
    makes of it.
    """

    outcome: Outcome
    tumor_probability: float
    type_probabilities: dict[str, float]
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the model sees tumor in one accepted picture.

    peak: (x, y) of the strongest place, and box: (x0, y0, x1, y1) around it, in fractions of the original picture's
    width and height, as stored in the file, before EXIF orientation. box None: there is no localized evidence.
    box_fraction: fraction of all evidence that lies in the box, 0 to 1; None without a box.
    heat: the 14 × 14 map, row by row from above: each cell's calibrated tumor probability x 255, rounded.
    square: (x0, y0, x1, y1) of the map in fractions of the upright picture; beyond 0..1 where it covers padding.
    orientation: EXIF orientation tag of the file, 1 to 8: it leads from the stored picture to the upright one.
    """

    peak: tuple[float, float]
    box: tuple[float, float, float, float] | None
    box_fraction: float | None
    heat: tuple[int, ...]
    square: tuple[float, float, float, float]
    orientation: int

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form. `box_fraction` is called `share` there, as in every result stored so far."""
        return {("share" if name == "box_fraction" else name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Analysis:
    """One run of one model on one picture, whole. `prediction`, `evidence` and `embedding` are None when refused.

    trained_on: the picture is one the model was trained on, so its result says nothing about the model's worth.
    embedding: (64,) float32 of unit length; similar scans have a large dot product. Not part of `as_dict`.
    """

    outcome: Outcome
    gate: Gate
    model: str
    engine: str
    prediction: Prediction | None = None
    evidence: Evidence | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)
    trained_on: bool = False
    embedding: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form, with the field names of the command line and the API."""
        return {
            "outcome": self.outcome,
            "uncertain": self.prediction.uncertain if self.prediction else False,
            "tumor_probability": self.prediction.tumor_probability if self.prediction else None,
            "type_probabilities": self.prediction.type_probabilities if self.prediction else None,
            "evidence": self.evidence.as_dict() if self.evidence else None,
            "gate": asdict(self.gate),
            "trained_on": self.trained_on,
            "model": self.model,
            "engine": self.engine,
            "milliseconds": self.milliseconds,
        }
