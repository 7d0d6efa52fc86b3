"""The settings of trainings: `Settings` has those of the last run of the shipped network, FORECAST of a short one."""

from dataclasses import asdict, dataclass
from typing import Any

NAME = "vgg16-cells-6"


@dataclass(frozen=True, slots=True)
class Settings:
    """All numbers of a training.

    copies: draws of images; each is learned from once. If there are fewer, they come again in the same order. batch:
    copies in a step. sections: equal parts, after which validation figures are logged and a checkpoint is written.
    rates: peak learning rates of the heads, block 5 and block 4; without a rate, block 4 keeps ImageNet's weights.
    warm_up: fraction of all steps during which the blocks' rates rise from 0. average: decay of the moving average of
    the weights. smoothing: of the image labels, because a few healthy images of web collections show lesions.
    location_weight, type_weight: of these losses relative to the others. init_fraction: of the weights of `--init` in
    the mean of weights that ships (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """

    seed: int = 20240
    copies: int = 27_200
    sections: int = 5
    batch: int = 32
    rates: tuple[float, ...] = (3e-4, 6e-5, 3e-5)
    warm_up: float = 0.06
    average: float = 0.995
    dropout: float = 0.3
    smoothing: float = 0.02
    location_weight: float = 0.5
    type_weight: float = 1.0
    weight_decay: float = 1e-4
    init_fraction: float = 0.3

    @property
    def steps(self) -> int:
        """Steps of a section; copies that fill no step of every section are left out."""
        return self.copies // (self.batch * self.sections)

    @property
    def first_block(self) -> int:
        """The first block of VGG16 that is tuned; those before it are the trunk."""
        return 7 - len(self.rates)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


FORECAST = Settings(copies=19_200, sections=2, rates=(1e-3, 2e-4))
"""Of the short trainings of a forecast; see `ml.training.forecast`."""

FORECAST_DRAWS = 9_600
"""Draws that all trainings of a forecast learn from."""
