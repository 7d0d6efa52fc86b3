"""The evidence as the result page shows it: where to draw the box, and the same in words for who does not see it.

Places are told as those of the picture. Which side of the patient a picture's left shows depends on how it was taken
and turned, and is not known here.
"""

from dataclasses import dataclass
from typing import Any

from diagnosis.models import Prediction, Scan
from diagnosis.presentation import labels
from ml.evidence import localize
from ml.evidence.drawing import OPACITY

_MIDDLE = 0.05  # of the picture on either side of its middle: too near to it to call a side
_HEADROOM = 0.12  # of the picture above a box that its caption needs


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page draws. box: left, top, width, height in fractions of the upright picture; ratio: width / height."""

    where: str
    box: tuple[float, float, float, float] | None
    share: str
    ratio: float
    caption_below: bool
    caption_right: bool

    @property
    def opacity(self) -> int:
        """Of the map until somebody chooses another, in percent."""
        return round(OPACITY * 100)


def shown(prediction: Prediction) -> Shown | None:
    """None where the prediction carries no map."""
    return drawn(prediction.evidence, prediction.scan) if prediction.has_map else None


def drawn(stored: dict[str, Any] | None, scan: Scan) -> Shown | None:
    """The same of any evidence on a picture of `scan`; None without a map."""
    found = localize.restore(stored)
    if found is None:
        return None
    lying = scan.ratio is None and found.orientation > 4
    box = localize.upright_box(found)
    return Shown(
        where=place(*localize.upright_peak(found)),
        box=(box[0], box[1], box[2] - box[0], box[3] - box[1]) if box else None,
        share=labels.percent(found.share) if found.share is not None else "",
        ratio=1 / scan.shape if lying else scan.shape,
        caption_below=box is not None and box[1] < _HEADROOM,
        caption_right=box is not None and box[0] > 0.5,
    )


def place(x: float, y: float) -> str:
    """A point, in fractions of the picture, in words: `upper left quarter`, `middle`, `lower half`."""
    vertical = "upper" if y < 0.5 - _MIDDLE else "lower" if y > 0.5 + _MIDDLE else ""
    horizontal = "left" if x < 0.5 - _MIDDLE else "right" if x > 0.5 + _MIDDLE else ""
    if vertical and horizontal:
        return f"{vertical} {horizontal} quarter"
    return f"{vertical or horizontal} half" if vertical or horizontal else "middle"
