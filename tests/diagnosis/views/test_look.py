"""Rules that hold for all templates, styles and scripts together."""

import re
from pathlib import Path

import numpy as np
import pytest

from diagnosis.templatetags import pages
from ml.evidence import colormap
from ml.evidence.drawing import OPACITY

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static" / "css").glob("*.css"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_templates_hold_no_script_and_load_nothing_foreign(file: Path) -> None:
    """The Content-Security-Policy forbids both; a page that relied on them would fail in silence."""
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=", text.replace("its style element", ""))
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\s(on[a-z]+|hx-on[:\w-]*)=", text)
    assert not re.search(r"(src|href|action)=[\"'](https?:)?//", text)


@pytest.mark.parametrize("file", [f for f in STYLES if f.name != "tokens.css"], ids=lambda file: file.name)
def test_colors_stand_in_the_tokens_alone(file: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"#[0-9a-f]{3,8}\b(?![^{}]*\{)|\b(rgb|hsl|oklch)a?\(", text, re.IGNORECASE)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_scripts_write_no_markup(file: Path) -> None:
    """File names are hostile text: they reach the page as text, never as HTML."""
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", file.read_text())


def test_names_are_shown_whole() -> None:
    """Names from archives often differ at their ends alone, so none is cut, save one's own in the bar."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in STYLES)
    assert re.findall(r"([^{}\n]+) \{[^{}]*(?:text-overflow|line-clamp)", text) == ["::placeholder", ".menu-name"]


def test_every_percent_has_its_classes() -> None:
    text = (ROOT / "static" / "css" / "percent.css").read_text()
    for name in ("from", "to"):
        assert re.findall(rf"\.{name}-(\d+) {{\n  --{name}: (\d+)%;", text) == [(str(n), str(n)) for n in range(101)]
    assert [pages.bar(value) for value in (None, -1, 0.004, 0.376, 1, 7)] == ["0", "0", "0", "38", "100", "100"]
    assert (pages.mark(0.01), pages.mark(0.99)) == ("24", "76")


def test_the_sprite_has_every_icon_and_none_that_nobody_uses() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static" / "img" / "icons.svg").read_text()))
    used = {name for file in TEMPLATES for name in re.findall(r'\{% icon "([\w-]+)"', file.read_text(encoding="utf-8"))}
    assert used <= sprite
    code = "".join(file.read_text() for file in (ROOT / "diagnosis").rglob("*.py"))
    assert {name for name in sprite - used if f'"{name}"' not in code} == set()


def test_the_legend_has_the_colors_that_the_map_is_drawn_in() -> None:
    [stops] = re.findall(r"--heat: linear-gradient\(to right, ([^)]*)\)", (ROOT / "static/css/tokens.css").read_text())
    shown = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in stops.split(", ")]
    assert shown == colormap.colors(np.linspace(colormap.COLD, 1, len(shown))).tolist()


def test_the_map_stands_at_the_default_opacity_without_script() -> None:
    tokens = (ROOT / "static" / "css" / "tokens.css").read_text()
    assert re.findall(r"--map-opacity: ([\d.]+);", tokens) == [str(OPACITY)]


def _luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "surfaces", "least"),
    [
        ("ink", "canvas surface sunken raised hover accent-tint", 4.5),
        ("ink-soft", "canvas surface sunken raised hover accent-tint", 4.5),
        ("accent", "canvas surface raised accent-tint", 4.5),
        ("on-accent", "accent accent-hover", 4.5),
        ("tumor", "tumor-tint canvas surface", 4.5),
        ("no-tumor", "no-tumor-tint canvas surface", 4.5),
        ("uncertain", "uncertain-tint canvas surface", 4.5),
        ("refused", "refused-tint canvas surface", 4.5),
        ("failed", "failed-tint canvas surface raised", 4.5),
        ("warning", "warning-tint surface", 4.5),
        ("line-strong", "canvas surface raised", 3.0),
    ],
)
def test_contrast_meets_wcag_aa(text: str, surfaces: str, least: float, theme: int) -> None:
    tokens = (ROOT / "static" / "css" / "tokens.css").read_text()
    colors = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", tokens)}
    for surface in surfaces.split():
        assert _contrast(colors[text][theme], colors[surface][theme]) >= least, f"{text} on {surface}"
