"""CONTRIBUTING.md and docs/architecture.md name files and code that are there: recipes for what has moved mislead."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("CONTRIBUTING.md", "docs/architecture.md")
SOURCES = ("brainscan", "diagnosis", "ml", "tests", "bench", "scripts", "static/js")


def quoted(page: str) -> set[str]:
    """What is in backticks, outside blocks of code."""
    return set(re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_paths_are_there(page: str) -> None:
    paths = {text for text in quoted(page) if re.fullmatch(r"\.?[a-z]\w*(/[\w.]+)+/?", text)}
    rooms = [ROOT, ROOT / "diagnosis", ROOT / "brainscan"]  # where the text is about a package, it leaves that out
    assert len(paths) > 10
    assert {path for path in paths if not any((room / path).exists() for room in rooms)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_names_are_in_the_code(page: str) -> None:
    names = {text for text in quoted(page) if re.fullmatch(r"[A-Za-z]*_\w+|[A-Z][A-Z]+|([A-Z][a-z]+){2,}", text)}
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".js")]
    words = {word for path in files for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert len(names) > 3
    assert names - words == set()
