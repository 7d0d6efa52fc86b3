"""The settings of a training; the defaults made the shipped artifact."""

from dataclasses import asdict, dataclass
from typing import Any

NAME = "vgg16-cells-1"


@dataclass(frozen=True, slots=True)
class Settings:
    """All numbers of a training.

    per_stratum: copies of images drawn for each source and label. sections: of `steps` steps each, after which
    validation figures are logged and a checkpoint is written. rates: peak learning rates of the heads, block 5 and
    block 4. warm_up: fraction of all steps during which the blocks' rates rise from 0. average: decay of the moving
    average of the weights. smoothing: of the image labels, because a few healthy images of web collections show
    lesions. location_weight, type_weight: of these losses relative to the others. hard: how strongly misjudged images
    are drawn again.
    """

    seed: int = 20240
    per_stratum: int = 2500
    sections: int = 7
    steps: int = 250
    batch: int = 32
    rates: tuple[float, float, float] = (1e-3, 7e-5, 4e-5)
    warm_up: float = 0.06
    average: float = 0.995
    dropout: float = 0.3
    smoothing: float = 0.02
    location_weight: float = 0.5
    type_weight: float = 0.5
    weight_decay: float = 1e-4
    hard: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
