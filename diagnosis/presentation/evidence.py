"""Evidence as the result page shows it: where to draw the box, and the same in words.

Regions are named as they appear in the image. Which side of the patient the image's left shows depends on how the
scan was taken and turned; that is not known here.
"""

from dataclasses import dataclass
from typing import Any

from diagnosis.models import Prediction, Scan
from ml.evidence import localize
from ml.evidence.drawing import OPACITY
from ml.percent import percent

_CENTER = 0.05  # fraction of the image on either side of its center that counts as neither side


@dataclass(frozen=True, slots=True)
class EvidenceLayer:
    """What a page draws over an image.

    region: of the strongest point, in words. box: left, top, width, height as fractions of the upright image; None
    without localized evidence. in_box: how much of the evidence the box holds, as a percentage in words. ratio:
    width / height of the upright image.
    """

    region: str
    box: tuple[float, float, float, float] | None
    in_box: str
    ratio: float

    @property
    def opacity(self) -> int:
        """The map's default opacity in percent."""
        return round(OPACITY * 100)


def of_prediction(prediction: Prediction) -> EvidenceLayer | None:
    """None if the prediction has no evidence map."""
    return from_stored(prediction.evidence, scan=prediction.scan) if prediction.has_map else None


def from_stored(stored: dict[str, Any] | None, *, scan: Scan) -> EvidenceLayer | None:
    """The layer for evidence as stored with a prediction or slice result of `scan`; None without a map."""
    evidence = localize.restore(stored)
    if evidence is None:
        return None
    rotated = scan.ratio is None and evidence.orientation > 4
    box = localize.upright_box(evidence)
    return EvidenceLayer(
        region=region(*localize.upright_peak(evidence)),
        box=(box[0], box[1], box[2] - box[0], box[3] - box[1]) if box else None,
        in_box=percent(evidence.box_fraction) if evidence.box_fraction is not None else "",
        ratio=1 / scan.shape if rotated else scan.shape,
    )


def region(x: float, y: float) -> str:
    """Where a point (x, y as fractions of the image) lies: `upper left quarter`, `lower half`, `middle`."""
    vertical = "upper" if y < 0.5 - _CENTER else "lower" if y > 0.5 + _CENTER else ""
    horizontal = "left" if x < 0.5 - _CENTER else "right" if x > 0.5 + _CENTER else ""
    if vertical and horizontal:
        return f"{vertical} {horizontal} quarter"
    return f"{vertical or horizontal} half" if vertical or horizontal else "middle"
