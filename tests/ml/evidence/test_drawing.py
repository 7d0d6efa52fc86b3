"""The evidence drawn: transparent where cold, hot where the peak is, and never larger than allowed."""

import io

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image as Pillow

from ml.contracts import Evidence
from ml.evidence import colormap, drawing, localize
from ml.evidence.localize import locate
from ml.model.heads import CELLS
from ml.preprocess import Geometry
from tests import builders


def found_at(row: int, column: int, *, value: float = 0.95, orientation: int = 1) -> Evidence:
    cells = np.full((CELLS, CELLS), 0.01)
    cells[row, column] = value
    geometry = Geometry(x0=0, y0=0, side=200, pad_x=20, pad_y=0, width=160, height=200, orientation=orientation)
    return locate(cells, geometry=geometry)


def opened(png: bytes) -> Pillow.Image:
    sample = Pillow.open(io.BytesIO(png))
    assert sample.format == "PNG"
    sample.load()
    return sample


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_hottest_at_the_upright_peak_and_clear_elsewhere(orientation: int) -> None:
    found = found_at(4, 8, orientation=orientation)
    sample = opened(drawing.heatmap_png(found, size=(160, 200)))
    assert (sample.mode, sample.size) == ("RGBA", (160, 200))
    opacity = np.asarray(sample)[..., 3].astype(float)
    rows, columns = np.nonzero(opacity == opacity.max())
    u, v = localize.upright_peak(found)
    assert columns.mean() + 0.5 == pytest.approx(u * 160, abs=2)
    assert rows.mean() + 0.5 == pytest.approx(v * 200, abs=2)
    assert opacity.max() > 240
    assert (opacity == 0).mean() > 0.9


def test_without_evidence_the_map_is_clear() -> None:
    assert not np.asarray(opened(drawing.heatmap_png(found_at(4, 8, value=0.02), size=(64, 64))))[..., 3].any()


def test_the_map_is_smooth() -> None:
    opacity = localize.plane(found_at(4, 8), size=(320, 400))
    assert np.abs(np.diff(opacity, axis=0)).max() < 0.06
    assert np.abs(np.diff(opacity, axis=1)).max() < 0.06


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((5000, 2500), (1024, 512)), ((1024, 1024), (1024, 1024)), ((7, 3), (7, 3)), ((1, 30_000), (1, 1024))],
)
def test_the_size_is_the_images_within_bounds(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert opened(drawing.heatmap_png(found_at(4, 8), size=size)).size == drawn
    assert opened(drawing.overlay_png(Pillow.new("L", size, 80), found_at(4, 8))).size == drawn


def test_the_overlay_shows_scan_map_box_and_legend() -> None:
    scan = Pillow.fromarray(builders.phantom(500))
    found = found_at(4, 8)
    plain, drawn = np.asarray(scan.convert("RGB")), np.asarray(opened(drawing.overlay_png(scan, found)).convert("RGB"))
    box = localize.upright_box(found)
    assert box is not None
    x0, y0, x1, y1 = (round(value * 500) for value in box)
    assert (drawn[y0, x0 + 5 : x1 - 5] == 255).all() and (drawn[y0 + 5 : y1 - 5, x1] == 255).all()
    assert (drawn[y0 - 1, x0 + 5 : x1 - 5] == 0).all()
    inside = drawn[y0 + 8 : y1 - 8, x0 + 8 : x1 - 8].astype(int)
    assert (inside[..., 0] - inside[..., 2]).mean() > 60  # warm, where the scan is gray
    assert (drawn[:50] == plain[:50]).all()
    assert (drawn[420:, :200] != plain[420:, :200]).any()


def test_without_localized_evidence_the_overlay_has_no_box() -> None:
    scan = Pillow.new("L", (500, 500), 90)
    drawn = np.asarray(opened(drawing.overlay_png(scan, found_at(4, 8, value=0.05))))
    assert (drawn[:400] == 90).all()


def test_opacity_is_obeyed() -> None:
    scan = Pillow.new("L", (160, 200), 90)
    found = found_at(4, 8)
    u, v = localize.upright_peak(found)
    place = (round(u * 160), round(v * 200))
    gray, half, full = (opened(drawing.overlay_png(scan, found, opacity=o)).getpixel(place) for o in (0, 0.5, 1))
    assert gray == (90, 90, 90)
    assert half == pytest.approx(np.mean(np.array([gray, full]), axis=0), abs=3)


@pytest.mark.parametrize("size", [(1, 1), (2, 200), (40, 40), (64, 128), (359, 800), (360, 360)])
def test_small_and_narrow_images_can_be_drawn(size: tuple[int, int]) -> None:
    drawing.overlay_png(Pillow.new("L", size), found_at(0, 9))
    drawing.overlay_png(Pillow.new("L", size), found_at(13, 4))


def test_the_colors_are_those_that_were_published() -> None:
    values = np.linspace(0, 1, 400)
    shown = values * (1 - colormap._DARKEST) + colormap._DARKEST
    published = colormaps["inferno"](shown)[:, :3] * 255
    assert np.abs(colormap.colors(values) - published).max() < 8


def test_lightness_and_opacity_only_rise() -> None:
    shades = colormap.table().astype(float) / 255
    linear = np.where(shades <= 0.04045, shades / 12.92, ((shades + 0.055) / 1.055) ** 2.4)
    luminance = linear[:, :3] @ [0.2126, 0.7152, 0.0722]
    lightness = 116 * np.cbrt(luminance) - 16
    assert (np.diff(lightness) > -0.2).all() and lightness[-1] - lightness[0] > 55
    assert (np.diff(shades[:, 3]) >= 0).all() and shades[0, 3] == 0 and shades[-1, 3] == 1
