"""Pages and screens: text, tables, plots, shapes, windows. Drawn with Pillow and its own font."""

import numpy as np
from PIL import ImageDraw, ImageFont

from ml.training.gate.negatives.canvas import Plane, Rng, field, ink, shape, to_plane, unit

_LETTERS = "aaaabcddeeeeeeefghhiiiiijklllmmnnnnnooooppqrrrrsssstttttuuuvwxyzABCDEFGHIMNOPRST0123456789.,:-%$()"


def _word(rng: Rng) -> str:
    return "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 11))))


def _words(rng: Rng, count: int) -> str:
    return " ".join(_word(rng) for _ in range(count))


def _aged(rng: Rng, plane: Plane) -> Plane:
    """As printed, or as photographed: uneven light and a little grain."""
    if rng.random() < 0.5:
        return plane
    light = 0.6 + 0.4 * field(rng, plane.shape, 3.0)
    return unit(plane * light + rng.uniform(0, 0.06) * rng.standard_normal(plane.shape))


def text(rng: Rng) -> Plane:
    """Lines of text in one or more columns: a page, a receipt, a terminal."""
    size = shape(rng)
    sheet, pen = ink(size, paper=int(rng.integers(200, 256)))
    height = int(rng.integers(7, 26))
    font = ImageFont.load_default(height)
    step = height * rng.uniform(1.05, 1.8)
    left, y = rng.uniform(0, 0.15) * size[1], rng.uniform(0, 0.1) * size[0]
    while y < size[0] * rng.uniform(0.9, 1.05):
        if rng.random() < 0.85:
            pen.text((left, y), _words(rng, int(rng.integers(1, 12))), fill=int(rng.integers(0, 70)), font=font)
        y += step
    return _aged(rng, to_plane(sheet, invert=bool(rng.random() < 0.35)))


def table(rng: Rng) -> Plane:
    """Ruled cells, some with a word: a spreadsheet or a form."""
    size = shape(rng)
    sheet, pen = ink(size, paper=int(rng.integers(215, 256)))
    font = ImageFont.load_default(int(rng.integers(7, 15)))
    rows, columns = int(rng.integers(3, 22)), int(rng.integers(2, 9))
    high, wide = size[0] / rows, size[1] / columns
    line = int(rng.integers(0, 180))
    for row in range(rows):
        for column in range(columns):
            box = (column * wide, row * high, (column + 1) * wide, (row + 1) * high)
            pen.rectangle(box, outline=line, fill=int(rng.integers(150, 256)) if rng.random() < 0.1 else None)
            if rng.random() < 0.75:
                pen.text((box[0] + 2, box[1] + 1), _word(rng), fill=int(rng.integers(0, 80)), font=font)
    return _aged(rng, to_plane(sheet, invert=bool(rng.random() < 0.25)))


def plot(rng: Rng) -> Plane:
    """Axes with curves, bars, points or a heat map, and labels."""
    size = shape(rng)
    sheet, pen = ink(size)
    left, top, right, bottom = 0.12 * size[1], 0.08 * size[0], 0.96 * size[1], 0.88 * size[0]
    variant = rng.integers(4)
    n = int(rng.integers(4, 40))
    xs = np.linspace(left, right, n)
    for _ in range(int(rng.integers(1, 5))):
        gray = int(rng.integers(0, 170))
        values = field(rng, (2, n), rng.uniform(0, 2))[0]
        ys = bottom - (bottom - top) * values * rng.uniform(0.4, 1)
        if variant == 0:
            pen.line(list(zip(xs, ys, strict=True)), fill=gray, width=int(rng.integers(1, 4)))
        elif variant == 1:
            for x, y in zip(xs, ys, strict=True):
                pen.rectangle((x, y, x + 0.7 * (right - left) / n, bottom + 1), fill=gray)
        elif variant == 2:
            dot = rng.uniform(1, 5)
            for x, y in rng.random((n * 4, 2)) * (right - left, bottom - top) + (left, top):
                pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=gray)
    if variant == 3:
        _heat(rng, pen, (left, top, right, bottom))
    pen.line((left, top, left, bottom, right, bottom), fill=0, width=int(rng.integers(1, 3)))
    font = ImageFont.load_default(int(rng.integers(7, 13)))
    for fraction in np.linspace(0, 1, int(rng.integers(3, 8))):
        pen.text((left + fraction * (right - left), bottom + 3), _word(rng)[:4], fill=0, font=font)
        pen.text((2, top + fraction * (bottom - top) - 5), _word(rng)[:3], fill=0, font=font)
    return to_plane(sheet, invert=bool(rng.random() < 0.25))


def _heat(rng: Rng, pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    cells = int(rng.integers(2, 20))
    values = field(rng, (cells, cells), rng.uniform(0, 1.5)) * 255
    wide, high = (box[2] - box[0]) / cells, (box[3] - box[1]) / cells
    for (row, column), value in np.ndenumerate(values):
        x, y = box[0] + column * wide, box[1] + row * high
        pen.rectangle((x, y, x + wide, y + high), fill=int(value))


def shapes(rng: Rng) -> Plane:
    """Circles, boxes, lines and polygons, filled or not: logos, icons, sketches, a child's drawing."""
    size = shape(rng)
    sheet, pen = ink(size, paper=int(rng.choice([0, 255, 255, int(rng.integers(60, 220))])))
    for _ in range(int(rng.integers(3, 30))):
        x0, y0 = rng.random(2) * (0.8 * size[1], 0.8 * size[0])
        x1, y1 = x0 + rng.uniform(0.05, 0.6) * size[1], y0 + rng.uniform(0.05, 0.6) * size[0]
        gray, width = int(rng.integers(0, 256)), int(rng.integers(1, 6))
        fill = gray if rng.random() < 0.4 else None
        variant = rng.integers(5)
        if variant == 0:
            pen.ellipse((x0, y0, x1, y1), outline=gray, fill=fill, width=width)
        elif variant == 1:
            pen.rectangle((x0, y0, x1, y1), outline=gray, fill=fill, width=width)
        elif variant == 2:
            pen.line((x0, y0, *(rng.random(2) * (size[1], size[0]))), fill=gray, width=width)
        elif variant == 3:
            corners = rng.random((int(rng.integers(3, 8)), 2)) * (x1 - x0, y1 - y0) + (x0, y0)
            pen.polygon([tuple(corner) for corner in corners], outline=gray, fill=fill)
        else:
            start, end = sorted(rng.uniform(0, 360, 2).tolist())
            pen.arc((x0, y0, x1, y1), start, end, fill=gray, width=width)
    return to_plane(sheet)


def screen(rng: Rng) -> Plane:
    """A window with a title bar, a side panel, rows of text, and boxes in place of images."""
    size = shape(rng)
    sheet, pen = ink(size, paper=int(rng.integers(225, 256)))
    height, width = size
    panel, bar = rng.uniform(0.1, 0.35) * width, rng.uniform(0.05, 0.15) * height
    pen.rectangle((0, bar, panel, height), fill=int(rng.integers(180, 245)))
    pen.rectangle((0, 0, width, bar), fill=int(rng.integers(20, 200)))
    letters = int(rng.integers(7, 13))
    font = ImageFont.load_default(letters)
    for y in np.arange(bar + 4, height, letters * 1.7):
        pen.text((3, y), _word(rng), fill=int(rng.integers(0, 120)), font=font)
        if rng.random() < 0.8:
            pen.text((panel + 6, y), _words(rng, int(rng.integers(1, 9))), fill=int(rng.integers(0, 90)), font=font)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(panel, width * 0.8), rng.uniform(bar, height * 0.8)
        wide, high = rng.uniform(0.08, 0.35) * width, rng.uniform(0.05, 0.3) * height
        pen.rectangle((x, y, x + wide, y + high), fill=int(rng.integers(0, 256)), outline=100)
    return to_plane(sheet, invert=bool(rng.random() < 0.4))
