"""Every page: its links lead somewhere, its commands run, its names are in the code, its tables and quotes are whole.

A search and replace that went too far shows here first.
"""

import argparse
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from ml.cli import arguments
from tests.test_docs_asvs import sections

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
every_page = pytest.mark.parametrize("page", PAGES)
NOT_OURS = {
    *("SECURE_CONTENT_TYPE_NOSNIFF", "SESSION_COOKIE_HTTPONLY"),  # Django's, left as they are
    "vgg16_imagenet_notop",  # Keras' file
    "BRAINSCAN_1",  # an example of what people choose
}


def spoken(page: str) -> list[str]:
    """What is in backticks or in a block of code, lines that go on joined."""
    text = re.sub(r"\\\n\s*", " ", PAGES[page])
    return [inline or block for inline, block in re.findall(r"`([^`\n]+)`|^    (.+)$", text, re.MULTILINE)]


@lru_cache
def words() -> frozenset[str]:
    """All words of the sources but this one, and the names of their files."""
    rooms = ("brainscan", "diagnosis", "ml", "bench", "scripts", "tests", "static", "templates", "deploy")
    kinds = (".py", ".js", ".html", ".css", ".yaml", ".template", ".json")
    files = [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in kinds]
    files += [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    files += [ROOT / name for name in ("compose.yaml", "Dockerfile", "Makefile", "Procfile", "pyproject.toml")]
    found = {path.stem for path in files}
    for path in files:
        if path != Path(__file__):
            found |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(found)


@lru_cache
def texts() -> str:
    paths = [path for room in ("brainscan", "diagnosis") for path in (ROOT / room).rglob("*.py")]
    return "".join(path.read_text(encoding="utf-8") for path in paths)


@every_page
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        name, _, section = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert link.startswith("https://") or target.exists(), link
        assert not section or link.startswith("https://") or section in sections(target), link


@every_page
def test_names_are_in_the_code(page: str) -> None:
    inline = re.findall(r"`([^`\n]+)`", PAGES[page])
    named = {word for text in inline for word in re.findall(r"(?<![\w.])[A-Za-z]\w*_\w*[a-zA-Z0-9]\b", text)}
    assert named - words() - NOT_OURS == set()


@pytest.mark.parametrize("page", ["audit", "dicom", "operations", "reports", "security"])
def test_actions_of_the_audit_trail_are_written(page: str) -> None:
    others = {"realm_access.roles", "meta.security"}  # of a token; of a FHIR resource
    named = set(re.findall(r"`([a-z_]+\.(?!json|yaml|log|env|key)[a-z_]+)`", PAGES[f"docs/{page}.md"])) - others
    assert named
    assert {name for name in named if f'"{name}"' not in texts()} == set()


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def of_manage(name: str) -> set[str]:
    return options(load_command_class(get_commands()[name], name).create_parser("manage.py", name))


def of_ml(name: str) -> set[str]:
    [choices] = [action.choices for action in arguments.parser()._actions if action.dest == "command"]
    return options(choices[name])  # type: ignore[index]


def called(page: str, program: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a program with the options that it is given."""
    for line in spoken(page):
        for name, rest in re.findall(rf"{program} ([a-z][a-z_-]*)([^|#;)]*)", line):
            yield name, re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)


@every_page
def test_commands_and_their_options_exist(page: str) -> None:
    for name, given in called(page, r"manage\.py"):
        assert set(given) <= of_manage(name), name
    for name, given in called(page, r"python -m ml"):
        assert set(given) <= of_ml(name), name
    for line in spoken(page):
        assert all(find_spec(module) for module in re.findall(r"python -m ([\w.]+)", line)), line


@every_page
def test_targets_of_make_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [re.sub(r"\s#.*", "", line) for line in spoken(page)]
    targets = {
        one
        for line in lines
        for named in re.findall(r"\bmake ((?:[a-z][a-z-]+ ?)+)(?!\S)", line)
        for one in named.split()
    }
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


@every_page
def test_tables_and_quotes_are_whole(page: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGES[page], re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table[:80]
    for paragraph in PAGES[page].split("\n\n"):
        assert paragraph.count("`") % 2 == 0, paragraph[:80]
        assert paragraph.count("**") % 2 == 0, paragraph[:80]


@every_page
def test_no_word_stands_twice(page: str) -> None:
    prose = re.sub(r"`[^`\n]*`|^    .*$|^\|.*$", "-", PAGES[page], flags=re.MULTILINE)
    assert re.findall(r"\b([A-Za-z]+)\s+\1\b", prose) == []


def test_the_pages_say_something_of_each_kind() -> None:
    assert len(PAGES) > 20
    assert len({name for page in PAGES for name, _ in called(page, r"manage\.py")}) > 10
    assert len({name for page in PAGES for name, _ in called(page, "python -m ml")}) > 8
