"""What a training can be told, with the values that made the shipped artifact."""

from dataclasses import asdict, dataclass
from typing import Any

NAME = "vgg16-cells-1"


@dataclass(frozen=True, slots=True)
class Settings:
    """All numbers of a training.

    per_stratum: copies of pictures drawn for each source and label. sections: of `steps` steps each, after which
    validation figures are logged and a checkpoint is kept. rates: peak learning rates of the heads, block 5 and
    block 4. warm_up: share of all steps in which the blocks' rates rise from 0. average: how much of the averaged
    weights is kept at each step. smoothing: of the pictures' labels, as a few healthy pictures of web collections show
    lesions. location_weight, type_weight: of these losses beside the others. hard: how strongly pictures that were
    judged wrong are drawn again.
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
