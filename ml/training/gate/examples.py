"""What the gate is fitted to: summaries of images, each with its source or class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Wide = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GateExamples:
    """Summaries (N, D) of images and the name of each: the source of a brain, the class or family of anything else.

    original: (N,) False for augmented or masked copies, which are learned from but never counted in a figure.
    prefiltered: (N,) True for images that `ml.inference.pixel_checks` refuses before the pass; figures count them as
    refused.
    """

    summaries: Array
    names: tuple[str, ...]
    original: NDArray[np.bool_]
    prefiltered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not len(self.summaries) == len(self.names) == len(self.original) == len(self.prefiltered):
            raise ValueError("summaries, names, original and prefiltered must be of one length.")

    def select(self, keep: Iterable[bool] | NDArray[np.bool_]) -> "GateExamples":
        """The examples for which `keep` is true."""
        chosen = np.flatnonzero(np.asarray(list(keep), bool))
        names = tuple(self.names[i] for i in chosen)
        return GateExamples(self.summaries[chosen], names, self.original[chosen], self.prefiltered[chosen])

    def without(self, name: str) -> "GateExamples":
        """All examples but those of this name."""
        return self.select(other != name for other in self.names)

    def of_name(self, name: str) -> "GateExamples":
        """The original examples of this name."""
        return self.select(other == name and kept for other, kept in zip(self.names, self.original, strict=True))

    def weights(self) -> Wide:
        """(N,) that sum to 1; every name has the same total."""
        _, inverse, counts = np.unique(np.array(self.names), return_inverse=True, return_counts=True)
        return np.asarray(1.0 / counts[inverse] / len(counts), np.float64)

    def counts(self) -> dict[str, int]:
        """Number of examples by name."""
        return {name: self.names.count(name) for name in sorted(set(self.names))}


def concatenate(parts: Sequence[GateExamples]) -> GateExamples:
    """Several sets as one."""
    return GateExamples(
        np.concatenate([part.summaries for part in parts]),
        tuple(name for part in parts for name in part.names),
        np.concatenate([part.original for part in parts]),
        np.concatenate([part.prefiltered for part in parts]),
    )
