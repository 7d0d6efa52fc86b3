"""The house rules that a tool can hold: small files, short functions, and a picture of the rooms that is up to date."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from scripts import draw_rooms

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION = 350, 100, 60  # lines

SAY = {
    "place": "location, position or span",
    "picture": "image",
    "share": "fraction",
    "gather": "what is done: receive, collect",
    "fate": "outcome",
    "standing": "status",
    "ripe": "due",
    "lettering": "burned-in text",
    "rendition": "preview",
    "disguise": "perturbation",
    "homes": "cases",
}
"""Words that names had once, and the field's own."""
KEPT = {("diagnosis/api/serializers/evidence.py", "share")}
"""Names of the API."""


def sources() -> list[Path]:
    """Python files of the product; migrations are written by Django."""
    found = [
        path for name in ("brainscan", "diagnosis", "ml", "bench", "scripts") for path in (ROOT / name).rglob("*.py")
    ]
    return [path for path in found if "migrations" not in path.parts]


def files_of_tests() -> list[Path]:
    return list((ROOT / "tests").rglob("*.py"))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax, parsed once for all tests that look at it."""
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_long() -> None:
    files = [*sources(), *files_of_tests()]
    long = {str(path.relative_to(ROOT)): lines(path) for path in files if lines(path) > LONGEST_FILE}
    assert long == {}


def test_most_files_are_short() -> None:
    assert median(size for path in sources() if (size := lines(path)) > 0) <= MEDIAN_FILE


def test_no_function_is_long() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{name}": size
        for path in [*sources(), *files_of_tests()]
        for name, size in functions(path)
        if size > LONGEST_FUNCTION
    }
    assert long == {}


def names(path: Path) -> Iterator[str]:
    """What a file calls its functions, classes, arguments, variables and attributes; and its own name."""
    yield path.stem
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words(name: str) -> set[str]:
    """The words of `a_name` or `ClassName`, in small letters and without a plural."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_names_are_words_of_the_field() -> None:
    retired = {word.removesuffix("s"): instead for word, instead in SAY.items()}
    found = {
        f"{path.relative_to(ROOT)}: {name}": retired[word]
        for path in sources()
        for name in names(path)
        if (str(path.relative_to(ROOT)), name) not in KEPT
        for word in words(name) & retired.keys()
    }
    assert found == {}


def runs(path: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every six lines in a row that hold code, with the number of the first; imports and blank lines do not count."""
    numbered = [(number, line.strip()) for number, line in enumerate(path.read_text().splitlines(), 1)]
    code = [(n, line) for n, line in numbered if line and not line.startswith(("import ", "from "))]
    for start in range(len(code) - 5):
        yield tuple(line for _, line in code[start : start + 6]), code[start][0]


def test_no_six_lines_stand_twice() -> None:
    first: dict[tuple[str, ...], str] = {}
    twice = []
    for path in sources():
        for run, number in runs(path):
            here = f"{path.relative_to(ROOT)}:{number}"
            if (there := first.setdefault(run, here)) != here:
                twice.append(f"{here} repeats {there}")
    assert twice == []


def test_the_folders_of_tests_mirror_the_source() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    folders = {folder for folder in folders if folder.parts and folder.parts[0] not in ("cases", "verification")}
    assert {str(folder) for folder in folders if not (ROOT / folder).is_dir()} == set()


def test_every_file_of_tests_says_what_it_tests() -> None:
    """Its name does not, where it is about several modules."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    assert files
    assert [str(path) for path in files if not ast.get_docstring(tree(path))] == []


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    assert draw_rooms.DRAWING.read_text() == draw_rooms.svg(draw_rooms.imports()), "Run: make rooms"


@pytest.mark.parametrize(("first", "second"), [*draw_rooms.WRITES, *draw_rooms.READS])
def test_the_way_through_is_made_of_real_imports(first: str, second: str) -> None:
    assert (first, second) in draw_rooms.imports()
