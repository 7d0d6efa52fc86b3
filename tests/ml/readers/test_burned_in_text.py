"""Text drawn into an image's margin: found in any corner, size and depth; letters of orientation are none."""

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ml import readers
from ml.contracts import Image
from ml.readers import dicom
from ml.readers.burned_in_text import BurnedInText, find_text
from tests import builders

LINES = ("DOE^JANE", "Doe, Jane 12.03.1961", "ID 4711-22", "Klinikum Nord", "13:45:02", "Hospital São Paulo")
CORNERS = ("upper left", "upper right", "lower left", "lower right")


def lettered(
    size: int, text: str, corner: str, *, height: int = 14, value: int = 255, seed: int = 0, bar: bool = False
) -> np.ndarray:
    """A phantom with the text in a corner, bright on its own ground, or dark on a bright bar."""
    image = Pillow.fromarray(builders.phantom(size, seed=seed))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height)
    _, _, width, bottom = draw.textbbox((0, 0), text, font=font)
    x = 6 if corner.endswith("left") else size - width - 6
    y = 6 if corner.startswith("upper") else size - bottom - 6
    if bar:
        draw.rectangle((0, y - 4, size, y + bottom + 4), fill=240)
    draw.text((x, y), text, fill=10 if bar else value, font=font)
    return np.asarray(image)


def found(pixels: np.ndarray, **options: Any) -> BurnedInText | None:
    kind = "JPEG" if "quality" in options else "PNG"
    return find_text(readers.read(builders.encode(pixels, kind, **options)))


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize(("size", "height"), [(256, 10), (256, 18), (512, 10), (512, 30), (1024, 14), (1200, 44)])
@pytest.mark.slow
def test_a_line_is_found_in_any_corner_and_size(size: int, height: int, corner: str) -> None:
    result = found(lettered(size, "Doe, Jane 1961", corner, height=height))
    assert result is not None
    for x0, y0, x1, y1 in result.boxes:
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        assert (x1 < 0.75) if corner.endswith("left") else (x0 > 0.25)
        assert (y1 < 0.2) if corner.startswith("upper") else (y0 > 0.8)


@pytest.mark.slow
def test_lines_survive_compression_and_faint_ink() -> None:
    rng = random.Random(7)
    missed = []
    for _ in range(60):
        case: dict[str, Any] = {"corner": rng.choice(CORNERS), "height": rng.randint(10, 24)}
        case["value"] = rng.choice((140, 200, 255))
        text, size, quality = rng.choice(LINES), rng.choice((256, 384, 512)), rng.choice((60, 80, 95))
        if found(lettered(size, text, seed=rng.randrange(9), **case), quality=quality) is None:
            missed.append((text, size, quality, case))
    assert not missed


def test_dark_letters_on_a_bright_bar_are_found() -> None:
    assert found(lettered(512, "Klinikum Nord", "lower left", bar=True)) is not None


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_deep_images_are_searched_in_their_displayed_range(depth: Any) -> None:
    """Letters at the greatest value, far above tissue."""
    pixels = lettered(384, "DOE^JANE", "upper left").astype(depth)
    pixels[pixels < 255] *= depth(3)
    pixels[pixels == 255] = 60_000
    assert find_text(Image(pixels, "DICOM", 384, 384)) is not None


@pytest.mark.slow
def test_orientation_letters_and_rulers_are_not_text() -> None:
    rng = random.Random(3)
    alarms = 0
    for number in range(60):
        size, height = rng.choice((256, 512)), rng.choice((12, 16, 20, 28))
        image = Pillow.fromarray(builders.phantom(size, seed=number, lesion=bool(number % 2)))
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(height)
        draw.text((4, size // 2), rng.choice("RLAP"), fill=255, font=font)
        draw.text((size - height - 4, size // 2), rng.choice("RL"), fill=255, font=font)
        draw.text((size // 2, 2), rng.choice(("A", "S", "H", "RAS")), fill=255, font=font)
        for mark in range(11):  # a scale of 10 cm
            draw.line((size - 8, size * 0.3 + mark * size / 40, size - 3, size * 0.3 + mark * size / 40), fill=255)
        alarms += found(np.asarray(image), quality=85) is not None
    assert alarms <= 1


@pytest.mark.parametrize("size", [16, 100, 256, 700])
@pytest.mark.parametrize("lesion", [True, False])
def test_no_text_is_found_in_clean_images(size: int, lesion: bool) -> None:
    assert all(found(builders.phantom(size, seed=seed, lesion=lesion)) is None for seed in range(2))
    assert find_text(Image(np.zeros((size, size), np.uint8), "PNG", size, size)) is None


def test_text_within_the_head_is_not_searched_for() -> None:
    image = Pillow.fromarray(builders.phantom(512))
    ImageDraw.Draw(image).text((200, 250), "DOE^JANE", fill=255, font=ImageFont.load_default(16))
    assert found(np.asarray(image)) is None


@pytest.mark.parametrize(("value", "expected"), [("YES", True), ("yes ", True), ("NO", False), (None, False)])
def test_a_dicom_file_may_declare_burned_in_text(value: str | None, expected: bool) -> None:
    tags = {} if value is None else {"BurnedInAnnotation": value}
    data = builders.dicom_bytes(np.zeros((8, 8), np.uint16), **tags)
    assert dicom.burned_in(dicom.open_file(data, max_pixels=64).dataset) is expected
