"""Counterfactual training images: a slice without its tumor, and another patient's slice with it.

Slices with and without a tumor differ in more than the tumor: they lie at different heights of different heads, and a
network can learn that instead. So where a mask outlines the tumor, further training images are made in which nothing
else differs. A healed slice has its tumor covered with tissue from the other side. A grafted slice has another
patient's tumor, as in CarveMix (Zhang et al. 2021, "CarveMix: a simple data augmentation method for brain lesion
segmentation"). Because both leave seams, a filled slice has healthy tissue in the shape of a tumor.
"""

import zlib
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from ml import readers
from ml.preprocess import SIZE, preprocess
from ml.training.data import targets
from ml.training.data.table import Change, Row
from ml.training.data.targets import HEALTHY, IGNORED, TUMOR

VERSION = 1
"""Part of the key of cached features: to be raised whenever a synthetic image would change."""

GRAFTS = 2
"""Slices of other patients that each tumor is grafted onto; every second one is healed first."""

MAX_TUMORS = 200
"""Tumors of a source and sequence that synthetic images are made from."""

MIN_PATIENTS = 10
"""Patients with a mask in a source and sequence; of fewer, synthetic images would repeat the same heads."""

Square = NDArray[np.float32]
Region = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Rng = np.random.Generator

_AIR = 0.12 * 255  # darker pixels are air or fluid
_TRIES = 8  # positions tried before a tumor counts as not fitting
_TURN, _ZOOM, _SHIFT = 30.0, (0.74, 1.28), 18  # limits of a tumor's rotation (degrees), scale and shift (pixels)
_FITS = 0.9  # fraction of the tumor that must lie inside the other head
_FEWEST, _RING = 30, 60  # least pixels of a tumor, and of the tissue around it that gray levels are matched to
_CENTRAL = 0.05  # fraction of a tumor's surroundings that may overlap its own mirror image; beyond, it cannot be healed
_GAIN = (0.6, 1.6)


class _Patch(NamedTuple):
    """A piece of tissue in its new position: gray values and shape, both (224, 224)."""

    gray: Square
    shape: Mask


def synthetic_rows(train: list[Row], *, seed: int) -> list[Row]:
    """Rows of all synthetic images for tumors with a mask in `train`; `synthesize` makes the images.

    At most MAX_TUMORS of each source and sequence serve, if they are of MIN_PATIENTS. Tumor and host share source
    and sequence, but not the patient. Deterministic.
    """
    marked = _marked(train, seed)
    covered = {row.key: _healed_row(row) for row in marked}
    covered = {key: row for key, row in covered.items() if synthesize(row) is not None}
    found = list(covered.values())
    for tumor in marked:
        rng = _rng(seed, tumor.key)
        others = [
            row
            for row in train
            if (row.source, row.sequence) == (tumor.source, tumor.sequence) and row.group != tumor.group
        ]
        healthy = [row for row in others if not row.tumor]
        mended = [covered[row.key] for row in others if row.key in covered]
        for number in range(GRAFTS):
            hosts = mended if number % 2 else healthy
            if hosts:
                found.append(_grafted_row(hosts[rng.integers(len(hosts))], tumor, number))
        if len(healthy) > 1:
            host, filling = (healthy[n] for n in rng.choice(len(healthy), 2, replace=False))
            found.append(_filled_row(host, tumor, filling))
    return [row for row in found if synthesize(row) is not None]


def _marked(train: list[Row], seed: int) -> list[Row]:
    by_kind: dict[tuple[str, str], list[Row]] = {}
    for row in train:
        if row.tumor and row.mask is not None:
            by_kind.setdefault((row.source, row.sequence), []).append(row)
    rng = np.random.default_rng(seed)
    return [
        rows[n]
        for rows in by_kind.values()
        if len({row.group for row in rows}) >= MIN_PATIENTS
        for n in sorted(rng.permutation(len(rows))[:MAX_TUMORS].tolist())
    ]


def plain(row: Row) -> tuple[Square, Region]:
    """The square (224, 224), 0 to 255, of an image of the table, as in serving, and its `targets.region`.

    Raises UnreadableImage or OSError if a file cannot be read.
    """
    square, geometry = preprocess(readers.read(row.path))
    return square, targets.region(row, geometry)


def synthesize(row: Row) -> tuple[Square, Region] | None:
    """The square (224, 224), 0 to 255, of a synthetic row, and its region as `targets.region` returns it.

    None if the image cannot be made: a tumor crosses the midline, or does not fit. Raises ValueError for a row of the
    table, UnreadableImage or OSError if a file cannot be read.
    """
    change = row.change
    if change is None:
        raise ValueError(f"{row.key} is an image of the table.")
    square, region = _cached_plain(change.of)
    if change.healed:
        mended = _heal(square, region == TUMOR)
        if mended is None:
            return None
        square, region = mended, np.full_like(region, HEALTHY)
    if change.tumor is not None:
        tumor, shape = _cached_plain(change.tumor)
        source = tumor if change.filling is None else _cached_plain(change.filling)[0]
        put = _graft(square, source, shape == TUMOR, _rng(0, row.key))
        if put is None:
            return None
        square, region = put
        if change.filling is not None:
            region = np.full_like(region, HEALTHY)
    return square, region


def _healed_row(row: Row) -> Row:
    change = Change(row, healed=True)
    return replace(row, key=f"{row.key}, healed", label="no_tumor", type="", boxes=(), mask=None, change=change)


def _grafted_row(host: Row, tumor: Row, number: int) -> Row:
    """host: a healthy or healed row."""
    change = replace(host.change or Change(host), tumor=tumor)
    key = f"{host.key}, with the tumor of {tumor.key}, {number}"
    return replace(host, key=key, label="tumor", type=tumor.type, change=change)


def _filled_row(host: Row, tumor: Row, filling: Row) -> Row:
    key = f"{host.key}, with {filling.key} in the shape of {tumor.key}"
    return replace(host, key=key, change=Change(host, tumor=tumor, filling=filling))


_cached_plain = lru_cache(maxsize=1024)(plain)


def _heal(square: Square, tumor: Mask) -> Square | None:
    """Cover the tumor with the other side's tissue; None if it crosses the midline, or nothing surrounds it."""
    columns = np.flatnonzero((_soft(square > _AIR, 4) > 0.5).any(axis=0))
    if len(columns) < 2 or not tumor.any():
        return None
    mirror = np.clip(columns[0] + columns[-1] - np.arange(SIZE), 0, SIZE - 1)
    wide, near = _soft(tumor, 6) > 0.01, _soft(tumor, 3) > 0.02
    if (wide & wide[:, mirror]).sum() > _CENTRAL * wide.sum():
        return None
    return _blend(square, _Patch(square[:, mirror], near), wide & ~near, soft=3, firm=1.3)


def _graft(square: Square, source: Square, shape: Mask, rng: Rng) -> tuple[Square, Region] | None:
    """Put the tissue of `source` in `shape` at about the same position of `square`; None if it fits nowhere."""
    head = _soft(square > _AIR, 6) > 0.6
    if not shape.any():
        return None
    for _ in range(_TRIES):
        patch = _moved(source, shape, rng)
        if patch.shape.sum() < _FEWEST or (patch.shape & head).sum() < _FITS * patch.shape.sum():
            continue
        near = _soft(patch.shape, 5) > 0.02
        around = (_soft(patch.shape, 9) > 0.01) & ~near
        blended = _blend(square, patch, around, soft=int(rng.integers(1, 4)), firm=rng.uniform(1.2, 1.8))
        if blended is None:
            continue
        region = np.full((SIZE, SIZE), HEALTHY, np.uint8)
        region[near] = IGNORED
        region[patch.shape & head] = TUMOR
        return blended, region
    return None


def _moved(source: Square, shape: Mask, rng: Rng) -> _Patch:
    """Perhaps mirrored, then rotated and scaled about the shape's center, and shifted."""
    if rng.random() < 0.5:
        source, shape = source[:, ::-1], shape[:, ::-1]
    center = np.argwhere(shape).mean(axis=0)[::-1]
    angle = np.deg2rad(rng.uniform(-_TURN, _TURN))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    back = turn / np.exp(rng.uniform(*np.log(_ZOOM)))
    offset = center - back @ (center + rng.uniform(-_SHIFT, _SHIFT, 2))
    matrix = (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1])

    def move(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        image = Pillow.fromarray(np.ascontiguousarray(plane))
        moved = image.transform((SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR)
        return np.asarray(moved, np.float32)

    return _Patch(move(source), move(shape.astype(np.float32)) > 0.5)


def _blend(square: Square, patch: _Patch, around: Mask, *, soft: int, firm: float) -> Square | None:
    """`patch` over `square`, gray levels matched to the tissue around it, with a soft edge; None without tissue."""
    tissue = around & (square > _AIR) & (patch.gray > _AIR)
    if tissue.sum() < _RING:
        return None
    gain = np.clip(np.median(square[tissue]) / np.median(patch.gray[tissue]), *_GAIN)
    weight = np.clip(_soft(_soft(patch.shape, soft), 2) * firm, 0, 1)
    mixed = square * (1 - weight) + patch.gray * gain * weight
    return np.asarray(np.clip(mixed, 0, 255), np.float32)


def _soft(shape: NDArray[np.bool_] | NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """A shape blurred by `radius` pixels, 0 to 1."""
    image = Pillow.fromarray(np.round(np.asarray(shape, np.float32) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.BoxBlur(radius)), np.float32) / np.float32(255)


def _rng(seed: int, key: str) -> Rng:
    return np.random.default_rng((seed, zlib.crc32(key.encode())))
