"""docs/asvs.md: each requirement once, and everything that is said to hold one exists."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from tests.test_docs_configuration import in_docs
from tests.verification.services import ROOT

TEXT = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in TEXT.splitlines() if line.startswith("| ")]
REQUIREMENTS = [row for row in ROWS if row[0][0].isdigit()]

IN_CHAPTER = {
    1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 10: 29, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 16,
    17: 7,
}  # fmt: skip
"""Requirements of levels 1 and 2, as version 5.0.0 counts them."""


def numbers(cell: str) -> Iterator[str]:
    """`2.1.1–2.1.3, 2.2.1` one by one."""
    for part in cell.split(", "):
        first, _, last = part.partition("–")
        section, _, start = first.rpartition(".")
        for number in range(int(start), int((last or first).rpartition(".")[2]) + 1):
            yield f"{section}.{number}"


def test_each_requirement_is_there_once() -> None:
    found = [number for row in REQUIREMENTS for number in numbers(row[0])]
    assert len(found) == len(set(found))
    assert {chapter: sum(n.startswith(f"{chapter}.") for n in found) for chapter in IN_CHAPTER} == IN_CHAPTER
    assert all(len(row) == 3 and row[2] for row in REQUIREMENTS)


def test_named_files_and_tests_exist() -> None:
    configuration = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for named in re.findall(r"`([^`]+)`", TEXT):
        if named.isupper():
            assert hasattr(settings, named) or f"`{named}`" in configuration, named
        elif named.startswith("make "):
            assert f"\n{named.removeprefix('make ')}:" in makefile, named
        elif "/" in named or named.startswith("."):
            path, _, test = named.partition("::")
            assert (ROOT / path).exists(), named
            assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), named
    for page, _, section in (link.partition("#") for link in re.findall(r"\]\(([a-z][\w.#-]+)\)", TEXT)):
        target = ROOT / "docs" / page
        assert target.exists(), page
        assert not section or section in sections(target), f"{page}#{section}"


def test_every_address_that_the_site_calls_is_named() -> None:
    [row] = [row for row in REQUIREMENTS if row[0] == "13.2.4–13.2.5"]
    called = {name for name in in_docs() if name.endswith(("_URL", "_ISSUER", "_ENDPOINT"))}
    assert "OIDC_ISSUER" in called
    assert {name for name in called if f"`{name}`" not in row[2]} == set()


def sections(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
