"""docs/tour.md shows every page of the site, and its pictures are those that the command takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.verification.tour.scenes import NOT_SHOWN, SCENES

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXT = (DOCS / "tour.md").read_text()
PICTURES = {path.stem: path for path in (DOCS / "tour").iterdir()}
ELSEWHERE = {"admin", "errors"}
"""Pages that have no URL name of ours: Django's administration, and error pages."""


def names(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns)
        elif isinstance(entry, URLPattern) and entry.name:
            yield entry.name


def pages() -> set[str]:
    """The names of all addresses beside the API and the health checks, those that answer no HTML included."""
    return {*names(get_resolver("diagnosis.urls").url_patterns), "api-docs"}


def test_every_page_is_shown_or_says_why_not() -> None:
    shown = {scene.page for scene in SCENES} - ELSEWHERE
    assert shown | NOT_SHOWN.keys() == pages()
    assert shown & NOT_SHOWN.keys() == set()


def test_the_text_shows_each_picture_once_and_no_other() -> None:
    named = re.findall(r"!\[[^\]]+\]\(tour/([\w-]+)\.webp\)", TEXT)
    assert sorted(named) == sorted(scene.name for scene in SCENES)
    assert len(named) == TEXT.count("](tour/")
    assert PICTURES.keys() == set(named), "Run: make tour"


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in PICTURES.values()) < 3_000_000


@pytest.mark.parametrize("kind", ["desk", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_sizes_are_shown_in_both_themes(kind: str, theme: str) -> None:
    assert [scene for scene in SCENES if (scene.size, scene.theme) == (kind, theme)]
