"""Synthetic images that are no brain, which fill the space around brains that the few known classes leave open.

The known classes are a few points in an endless space. This package draws textures, pages, test objects, rough phantoms
of other body parts, scrambled brains, and heads as other modalities show them. Image `number` of a seed does not
depend on any other, so a run can be repeated in parts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Image
from ml.training.gate.negatives import bodies, drawings, modalities, phantoms, scrambles, textures
from ml.training.gate.negatives.canvas import Painter, Plane, unit

PAINTERS: dict[str, tuple[Painter, ...]] = {
    "texture": (
        textures.noise,
        textures.gradient,
        textures.pattern,
        textures.cells,
        textures.clouds,
        textures.landscape,
    ),
    "drawing": (drawings.text, drawings.table, drawings.plot, drawings.shapes, drawings.screen),
    "phantom": (phantoms.cylinder, phantoms.rods),
    "body": (bodies.trunk, bodies.limbs, bodies.column, bodies.hand, bodies.fundus, bodies.spot),
}
"""Families drawn from scratch, without the image of a brain."""

SPOILERS = {"shuffled": scrambles.shuffled, "rephased": scrambles.rephased, "detail": scrambles.detail}
"""Ways to destroy the image of a brain. Family "scrambled"."""

MODALITIES = {"ct": modalities.ct, "emission": modalities.emission, "labels": modalities.labels}
"""Ways to show a brain's head as another modality does, each a family of its own."""

FAMILIES = (*PAINTERS, "scrambled", *MODALITIES, "masked")


def synthesize(number: int, *, seed: int, brains: Sequence[NDArray[np.float32]]) -> tuple[str, Image]:
    """Image `number` of `seed`: its family (one of FAMILIES), and the image as a reader would return it. Pure.

    brains: preprocessed squares (224, 224), 0 to 255, of training images, to change; without any, a texture takes the
    place of a changed brain. Families take turns.
    """
    rng = np.random.default_rng((seed, number))
    family = FAMILIES[number % len(FAMILIES)]
    if family in PAINTERS:
        return family, _image(_painted(family, rng))
    if family == "masked":
        return family, _image(scrambles.masked(_painted(str(rng.choice(list(PAINTERS))), rng), rng))
    if not len(brains):
        return "texture", _image(_painted("texture", rng))
    brain = unit(brains[int(rng.integers(len(brains)))])
    spoil = MODALITIES[family] if family in MODALITIES else SPOILERS[str(rng.choice(list(SPOILERS)))]
    return family, _image(spoil(brain, rng))


def in_a_head(square: NDArray[np.float32], *, seed: int, number: int) -> Image:
    """A known negative's square (224, 224), masked to the shape of a head, so that the outline tells nothing."""
    return _image(scrambles.masked(unit(square), np.random.default_rng((seed, number, 1))))


def _painted(family: str, rng: np.random.Generator) -> Plane:
    painters = PAINTERS[family]
    return painters[int(rng.integers(len(painters)))](rng)


def _image(plane: Plane) -> Image:
    pixels = np.rint(np.clip(np.nan_to_num(plane), 0.0, 1.0) * 255).astype(np.uint8)
    return Image(pixels=pixels, format="synthetic", width=pixels.shape[1], height=pixels.shape[0])
