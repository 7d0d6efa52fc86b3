"""Perturbed brains, which the gate must still accept: skull-stripped, badly cropped, annotated."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont

from ml.contracts import Image
from ml.preprocess import SIZE, preprocess

Square = NDArray[np.float32]

_WORDS = (
    "Se:4",
    "Im:18",
    "SL: 16.8mm",
    "TR:5800",
    "TE:101.8",
    "ST 5.0mm",
    "512x512",
    "DOB",
    "Sex",
    "A 12",
    "W 740 L 370",
)


def stripped(square: Square, rng: np.random.Generator) -> Square:
    """The square after skull stripping: the rim of the head is removed, and the rest fills the square.

    Mostly also windowed until bright tissue is white and fluid is black, as viewers do, and sometimes smoothed, as in
    averages.
    """
    head = square > 0.12 * 255
    outline = _between(head) & _between(head.T).T
    mask = Pillow.fromarray(outline.astype(np.uint8) * 255)
    for _ in range(int(rng.integers(8, 26))):
        mask = mask.filter(ImageFilter.MinFilter(3))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2.0))), np.float32) / 255
    if soft.mean() < 0.05:  # nothing would remain
        return square
    bare = square * soft
    if rng.random() < 0.7:
        low, high = np.quantile(bare[soft > 0.5], (rng.uniform(0, 0.15), rng.uniform(0.6, 0.99)))
        if high - low > 10:  # a uniform gray has no contrast to stretch
            bare = (bare - low) / (high - low) * 255 * soft
    pixels = np.rint(np.clip(bare, 0, 255)).astype(np.uint8)
    if rng.random() < 0.4:
        pixels = np.asarray(Pillow.fromarray(pixels).filter(ImageFilter.MedianFilter(int(rng.choice([3, 5])))))
    return preprocess(Image(pixels=pixels, format="stripped", width=SIZE, height=SIZE))[0]


def placed(square: Square, rng: np.random.Generator) -> Square:
    """The square after a failed crop: too small or too large, off center, rotated, framed, noisy, or inverted."""
    zoom = np.exp(rng.uniform(np.log(0.45), np.log(1.7)))
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.35 else 0.0
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    center = np.full(2, (SIZE - 1) / 2)
    offset = center - back @ (center + rng.uniform(-0.1, 0.1, 2) * SIZE)
    matrix = (back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1])
    moved = Pillow.fromarray(square).transform(
        (SIZE, SIZE), Pillow.Transform.AFFINE, matrix, Pillow.Resampling.BILINEAR
    )
    plane = np.array(moved, np.float32)
    if rng.random() < 0.4:
        sigma = rng.uniform(3, 20)
        plane = np.hypot(plane + sigma * rng.standard_normal(plane.shape), sigma * rng.standard_normal(plane.shape))
    if rng.random() < 0.12:
        plane = 255 - plane
    if rng.random() < 0.3:
        edge = int(rng.integers(2, 30))
        plane = np.pad(plane[edge:-edge, edge:-edge], edge, constant_values=float(rng.uniform(60, 255)))
    return np.asarray(np.clip(plane, 0, 255), np.float32)


def annotated(square: Square, rng: np.random.Generator) -> Square:
    """A smaller head with a scanner's annotations in some corners and letters at the sides, as in exports."""
    side = int(SIZE * rng.uniform(0.68, 0.92))
    sheet = Pillow.new("F", (SIZE, SIZE))
    head = Pillow.fromarray(square).resize((side, side), Pillow.Resampling.BILINEAR)
    x, y = ((SIZE - side) // 4 + rng.integers(0, (SIZE - side) // 2 + 1, 2)).tolist()
    sheet.paste(head, (x, y))
    letters = Pillow.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(letters)
    size = int(rng.integers(7, 12))
    font = ImageFont.load_default(size)
    for corner in range(4):
        if rng.random() < 0.25:
            continue
        lines = [str(rng.choice(_WORDS)) for _ in range(int(rng.integers(1, 6)))]
        right, low = corner % 2, corner // 2
        top = SIZE - 3 - len(lines) * (size + 1) if low else 2
        for number, line in enumerate(lines):
            position = (SIZE - 3 if right else 2, top + number * (size + 1))
            pen.text(position, line, fill=255, font=font, anchor="ra" if right else "la")
    for position in ((3, SIZE // 2), (SIZE - 12, SIZE // 2), (SIZE // 2, SIZE - 14)):
        if rng.random() < 0.5:
            pen.text(position, str(rng.choice(["R", "L", "[R]", "P", "F"])), fill=255, font=font)
    shade = np.float32(rng.uniform(0.5, 1.0))
    return np.asarray(np.maximum(np.asarray(sheet, np.float32), np.asarray(letters, np.float32) * shade), np.float32)


def _between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """In each row, all pixels from the first true one to the last."""
    forward = np.maximum.accumulate(mask, axis=1)
    backward = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return forward & backward
