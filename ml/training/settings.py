"""What a training can be told, with the values that made the shipped artifact."""

from dataclasses import asdict, dataclass
from typing import Any

NAME = "vgg16-gap-1"


@dataclass(frozen=True, slots=True)
class Settings:
    """All numbers of a training.

    rounds: augmented copies of each training picture. epochs, patience: of the heads, with early stopping.
    type_weight: of the type's loss beside the tumor's. learning_rate and dropout were chosen on validation figures.
    """

    seed: int = 20240
    rounds: int = 2
    epochs: int = 80
    patience: int = 10
    batch: int = 128
    learning_rate: float = 3e-4
    l2: float = 1e-3
    dropout: float = 0.4
    type_weight: float = 0.5

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
