"""Files to upload on the tour: slices of the average brain with lesions of their own, and some that are refused."""

import io
from functools import cache

from PIL import Image, ImageDraw

from diagnosis import demo
from diagnosis.demo import Lesion, Sample
from ml.average_brain import Volume

LESIONS = (
    Lesion(center=(0.62, 0.40, 0.55), radius=0.12),
    Lesion(center=(0.36, 0.60, 0.55), radius=0.085),
)


@cache
def _brain() -> Volume:
    return demo.load_template()


def slices(number: int, *, series: bool = False) -> list[tuple[str, bytes]]:
    """Name and bytes of three planes through one of LESIONS, and the whole volume if it is asked for."""
    sample = Sample(f"TOUR-{number}", lesion=LESIONS[number], series=series)
    return [(f"t1c_{number + 1}_{name.split('-', 2)[2]}", data) for name, data in demo.files(sample, _brain())]


def healthy(at: tuple[float, float, float]) -> list[tuple[str, bytes]]:
    """Three planes through a place of the brain without a lesion."""
    return [(name, data) for name, data in demo.files(Sample("TOUR", slices_at=at), _brain())]


def drawing() -> bytes:
    """A picture that is no MRI: bars of a chart."""
    image = Image.new("RGB", (320, 240), "white")
    pen = ImageDraw.Draw(image)
    for column, height in enumerate((60, 120, 90, 170)):
        pen.rectangle((40 + 65 * column, 210 - height, 85 + 65 * column, 210), fill=(30, 90 + 30 * column, 180))
    return _png(image)


def lettered() -> bytes:
    """A slice with text in its margin, as exports of a viewer have it. It names nobody."""
    image = Image.open(io.BytesIO(slices(1)[0][1])).convert("L").resize((512, 512))
    pen = ImageDraw.Draw(image)
    pen.text((8, 6), "SAMPLE PHANTOM 007", fill=255, font_size=22)
    pen.text((8, 32), "01.01.2000  T1 GD", fill=255, font_size=22)
    pen.text((380, 480), "W 420 L 210", fill=255, font_size=20)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
