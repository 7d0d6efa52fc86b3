"""docs/configuration.md and the code know the same environment variables, with the same defaults."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings

ROOT: Path = settings.BASE_DIR

NOT_FOR_PEOPLE = {
    "DJANGO_SETTINGS_MODULE",  # set by the programs themselves
    "MAKELEVEL",  # set by make
    "PATH",  # the system's
}

DEFAULT_IN_WORDS = {
    "DATA_DIR",  # a path that depends on the checkout
    "HTTPS",  # what `make run` sets depends on BIND
}


def sources() -> Iterator[Path]:
    for package in ("brainscan", "diagnosis", "ml"):
        yield from (ROOT / package).rglob("*.py")
    yield ROOT / "manage.py"


def reads(tree: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Variables read in a module, each with its default's expression: env.int("X", default=1), os.environ["X"], …"""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if not re.fullmatch(r"env|environ|os\.environ|os", ast.unparse(node.func.value)):
                continue
            if node.func.attr in ("pop", "Env", "fspath"):
                continue
            default = next((word.value for word in node.keywords if word.arg == "default"), None)
            name = node.args[0]
            if default is None and len(node.args) > 1:
                default = node.args[1]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            name, default = node.slice, None
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "os.environ":
            name, default = node.left, None
        else:
            continue
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and re.fullmatch(r"[A-Z_]+", name.value):
            yield name.value, default


@lru_cache
def in_code() -> dict[str, set[str]]:
    """Each variable with the plain defaults that the code gives it."""
    found: dict[str, set[str]] = {}
    for path in sources():
        for name, default in reads(ast.parse(path.read_text(encoding="utf-8"))):
            known = found.setdefault(name, set())
            if isinstance(default, ast.Constant) and default.value not in ("", False, None):
                known.add(str(default.value))
            if isinstance(default, ast.List) and default.elts:
                known.add(",".join(str(ast.literal_eval(item)) for item in default.elts))
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", (ROOT / "Procfile").read_text()):
        found.setdefault(name, set()).add(default)
    return {name: defaults for name, defaults in found.items() if name not in NOT_FOR_PEOPLE}


def in_docs() -> dict[str, str]:
    """Each variable with the text of its default."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", text, flags=re.MULTILINE))


def test_the_reader_of_sources_finds_every_way_of_reading() -> None:
    module = """
a = env.int("ONE", default=1)
b = os.environ.get("TWO", "2")
c = os.environ["THREE"]
d = "FOUR" in os.environ
e = os.getenv("FIVE")
f = environ.get("SIX")
g = mapping.get("NOT")
"""
    assert {name for name, _ in reads(ast.parse(module))} == {"ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX"}


def test_every_variable_is_documented() -> None:
    assert len(in_code()) > 20
    assert sorted(set(in_code()) - set(in_docs())) == []


def test_every_documented_variable_is_read() -> None:
    assert sorted(set(in_docs()) - set(in_code())) == []


def test_the_defaults_are_those_of_the_code() -> None:
    documented = in_docs()
    wrong = {
        name: (default, documented[name])
        for name, defaults in in_code().items()
        for default in defaults
        if name not in DEFAULT_IN_WORDS and documented[name].strip("` ") != default
    }
    assert not wrong, f"(code, docs): {wrong}"
