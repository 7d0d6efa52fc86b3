"""The records that `ml` takes and returns, shared with the app, the command line and the tests.

This module imports nothing heavier than NumPy, so the web process can use the same records as the worker without
loading an inference engine.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["tumor", "no_tumor", "refused"]

TUMOR_TYPES = ("glioma", "meningioma", "pituitary", "other")
"""Types that the data table may name and that training teaches, in the order of the type head. An artifact's manifest
lists its own; serving asks the loaded model (`Manifest.types`), never this tuple."""


class BrainscanError(Exception):
    """Base of all errors that `ml` raises on purpose. `code` is stable, `message` a sentence for the user."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnreadableImage(BrainscanError):
    """The bytes are not an image that `ml` can read; `code` names the rule that failed."""


class ModelUnavailable(BrainscanError):
    """The artifact is missing or damaged, or its engine cannot be loaded."""


MAX_COLOR_FRACTION = 0.08
"""Largest fraction of colored pixels in a slice (see `ml.readers.color`). Slices with colored labels reach 0.044 in
scans.csv."""

MAX_INNER_COLOR = 0.0002
"""The same without the outer eighth at each edge, where labels are printed: 7 pixels of 256 × 256, a small arrow. No
slice of scans-v2.csv has one there."""


@dataclass(frozen=True, slots=True)
class Image:
    """One decoded grayscale image, upright.

    pixels: (height, width), uint8, uint16 or finite float32, EXIF orientation already applied.
    width, height: in pixels, as stored in the file, before EXIF orientation.
    orientation: EXIF orientation tag, 1 to 8 (1: stored upright).
    notes: sentences for the user on how the file was read.
    color_fraction: fraction (0 to 1) of pixels with more than a tint of color, before the image was reduced to gray.
    inner_color_fraction: the same of the image without the outer eighth at each edge.
    """

    pixels: NDArray[Any]
    format: str
    width: int
    height: int
    orientation: int = 1
    notes: tuple[str, ...] = ()
    color_fraction: float = 0.0
    inner_color_fraction: float = 0.0

    @property
    def colored(self) -> bool:
        """Whether it had too much color to be a slice."""
        return is_colored(self.color_fraction, self.inner_color_fraction)

    def pixel_sha256(self) -> str:
        """Hex SHA-256 of everything that a result depends on, equal for copies in another file or format.

        Covers the shape, type and values of the decoded pixels, an orientation other than 1, and whether the image was
        colored.
        """
        return pixel_digest([self.pixels], shape=self.pixels.shape, orientation=self.orientation, colored=self.colored)


def is_colored(color_fraction: float, inner_color_fraction: float) -> bool:
    """Whether an image with these fractions of `Image` has too much color to be a slice."""
    return color_fraction > MAX_COLOR_FRACTION or inner_color_fraction > MAX_INNER_COLOR


def pixel_digest(strips: Iterable[NDArray[Any]], *, shape: tuple[int, ...], orientation: int, colored: bool) -> str:
    """`Image.pixel_sha256` of an image whose rows come in strips, (some rows, width), so that not all need be held."""
    marks = f"o{orientation}" * (orientation != 1) + "c" * colored
    digest: Any = None
    for strip in strips:
        digest = digest or hashlib.sha256(f"{strip.dtype.str}{shape}{marks}".encode())
        digest.update(np.ascontiguousarray(strip).data)
    return str(digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether an image is accepted. `score` is what the deciding rule measured, `threshold` its limit.

    reason, message: of a refusal, a stable code and a sentence for the user.
    """

    accepted: bool
    score: float | None = None
    threshold: float | None = None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the heads say about one accepted image.

    tumor_probability: 0 to 1, calibrated as the model's manifest says.
    type_probabilities: for each of the model's tumor types, given that there is a tumor; they sum to 1.
    uncertain: the probability lies in the band where the model is often wrong. The outcome still follows the threshold.
    """

    outcome: Outcome
    tumor_probability: float
    type_probabilities: dict[str, float]
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the model sees tumor in one accepted image.

    peak: (x, y) in the middle of the strongest evidence; box: (x0, y0, x1, y1) around it, None if there is no localized
    evidence. Both in fractions of the width and height as stored in the file, before EXIF orientation.
    box_fraction: fraction of all evidence that lies in the box, 0 to 1; None without a box.
    heat: the 14 × 14 map, row by row from the top: each cell's calibrated tumor probability times 255, rounded.
    square: (x0, y0, x1, y1) of the map in fractions of the upright image; beyond 0 to 1 where it covers padding.
    orientation: EXIF orientation tag of the file, 1 to 8; it leads from the stored to the upright image.
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
    """One run of one model on one image. `prediction`, `evidence` and `embedding` are None if it was refused.

    trained_on: the model was trained or tuned on this image, so the result says nothing about its performance.
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
