"""The evidence as PNG: the heat map alone, to lay over the scan, and the scan with map, box and legend burned in.

Drawn on demand from a prediction's record and the scan's preview. Both are upright.
"""

import io

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from ml.contracts import Evidence
from ml.evidence import colormap, localize
from ml.percent import percent

VERSION = 1
"""Raise this whenever the same record would be drawn differently: cached images become invalid."""

MAX_SIDE = 1024
"""Longest side of a drawn image in pixels. Bounds the memory, about 20 bytes a pixel, whatever the scan's size."""

OPACITY = 0.6
"""Default opacity of the hottest parts of the map: the edge of a bright tumor still shows through."""

_WORDS_FROM = 360  # pixels of width and height from which the legend has words; in smaller images they cover the head
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def heatmap_png(evidence: Evidence, *, size: tuple[int, int]) -> bytes:
    """The heat map as an RGBA PNG, transparent without evidence.

    size: width and height of the upright image below it; drawn smaller, in proportion, above MAX_SIDE.
    """
    return _png(_heat(evidence, _bounded(size)))


def overlay_png(scan: Pillow.Image, evidence: Evidence, *, opacity: float = OPACITY) -> bytes:
    """What `overlay` draws, as a PNG."""
    return _png(overlay(scan, evidence, opacity=opacity))


def overlay(scan: Pillow.Image, evidence: Evidence, *, opacity: float = OPACITY) -> Pillow.Image:
    """The scan with map, box and a small legend burned in: RGB, of the scan's size, at most MAX_SIDE a side.

    scan: 8-bit gray, upright. opacity: of the hottest parts, 0 to 1. The legend is in the lower left corner.
    """
    size = _bounded(scan.size)
    image = scan.convert("L").resize(size, Pillow.Resampling.BILINEAR) if scan.size != size else scan.convert("L")
    heat = _heat(evidence, size)
    strength = heat.getchannel("A").point([round(value * opacity) for value in range(256)])
    drawn = Pillow.composite(heat.convert("RGB"), image.convert("RGB"), strength)
    _draw_box(drawn, evidence)
    _draw_legend(drawn, evidence)
    return drawn


def _heat(evidence: Evidence, size: tuple[int, int]) -> Pillow.Image:
    shades = (localize.plane(evidence, size=size) * 255).round().astype(np.uint8)
    return Pillow.fromarray(colormap.table()[shades])


def _bounded(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _draw_box(image: Pillow.Image, evidence: Evidence) -> None:
    """A white line between two dark ones, visible on bright tissue, on air and on paper."""
    box = localize.upright_box(evidence)
    if box is None:
        return
    width, height = image.size
    x0, y0, x1, y1 = (round(v * side) for v, side in zip(box, (width, height) * 2, strict=True))
    x1, y1 = min(max(x1, x0 + 2), width - 1), min(max(y1, y0 + 2), height - 1)
    x0, y0 = min(x0, x1), min(y0, y1)
    line = max(1, max(image.size) // 400)
    draw = ImageDraw.Draw(image)
    draw.rectangle((x0 - line, y0 - line, x1 + line, y1 + line), outline=_BLACK, width=3 * line)
    draw.rectangle((x0, y0, x1, y1), outline=_WHITE, width=line)


def _draw_legend(image: Pillow.Image, evidence: Evidence) -> None:
    """A scale from weak to strong and the box's meaning, on a dark background in the lower left corner."""
    width, height = image.size
    text = max(10, width // 50)
    font = ImageFont.load_default(text)
    gap = text // 2
    words = ["Research use, not a diagnosis"]
    words.append(
        "No localized evidence"
        if evidence.box_fraction is None
        else f"Box: {percent(evidence.box_fraction)} of the evidence"
    )
    scale = colormap.colors(np.linspace(colormap.COLD, 1, text * 6))
    bar = Pillow.fromarray(np.repeat(scale[None], max(text // 2, 3), axis=0))
    if width < _WORDS_FROM or height < _WORDS_FROM:
        if width > bar.width + 2 * gap and height > bar.height + 2 * gap:
            image.paste(bar, (gap, height - gap - bar.height))
        return
    draw = ImageDraw.Draw(image, "RGBA")
    weak = round(draw.textlength("weak", font)) + gap
    wide = max(
        weak + bar.width + gap + round(draw.textlength("strong", font)),
        *(round(draw.textlength(w, font)) for w in words),
    )
    step = round(text * 1.4)
    top = height - 3 * step - 2 * gap
    draw.rectangle((0, top, wide + 2 * gap, height), fill=(0, 0, 0, 170))
    for number, line in enumerate(words):
        draw.text((gap, top + gap + number * step), line, fill=_WHITE, font=font)
    last = top + gap + 2 * step
    draw.text((gap, last), "weak", fill=_WHITE, font=font)
    draw.text((gap + weak + bar.width + gap, last), "strong", fill=_WHITE, font=font)
    image.paste(bar, (gap + weak, last + (text - bar.height) // 2 + text // 8))


def _png(image: Pillow.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)  # half the time of the default for a few percent more bytes
    return buffer.getvalue()
