"""The table of attacks is written from what the tests that are marked have tried."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verification import security
from tests.verification.security import ATTACKS, HEADER, PAGE, Row, tried


def row(test: str, *, attack: str = "roles", number: int = 7, through: int = 0) -> Row:
    return Row(attack, test, number, through, "2026-11-29")


def item(*attacks: str) -> Any:
    marks = [pytest.mark.attack(one).mark for one in attacks]
    return SimpleNamespace(nodeid="tests/test_x.py::test_y", iter_markers=lambda name: marks)


def report(when: str = "call", *, failed: bool = False) -> Any:
    return SimpleNamespace(when=when, skipped=False, failed=failed)


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(security, "_counted", [])
    monkeypatch.setenv("SECURITY_ROWS", str(tmp_path / "rows.jsonl"))
    return tmp_path / "rows.jsonl"


def noted(notes: Path) -> list[tuple[str, int, int]]:
    return [(one.attack, one.tried, one.through) for one in security.rows(notes.read_text().splitlines())]


def test_a_marked_test_notes_what_it_counted(notes: Path) -> None:
    tried(1000)  # of an earlier test
    security.note_test(item("roles"), report("setup"))
    tried(3)
    tried()
    security.note_test(item("roles"), report())
    assert noted(notes) == [("roles", 4, 0)]


def test_a_failure_has_let_something_through_and_a_later_run_replaces_it(notes: Path) -> None:
    security.note_test(item("roles"), report(failed=True))
    assert noted(notes) == [("roles", 1, 1)]
    security.note_test(item("roles"), report())
    assert noted(notes) == [("roles", 1, 0)]


def test_nothing_is_noted_of_other_tests_or_where_no_file_is_named(
    notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    security.note_test(item(), report())
    with pytest.raises(KeyError):
        security.note_test(item("unheard of"), report())
    monkeypatch.delenv("SECURITY_ROWS")
    security.note_test(item("roles"), report())
    assert not notes.exists()


def test_the_table_adds_up_the_tests_of_an_attack() -> None:
    others = [row("x", attack=attack) for attack in ATTACKS if attack != "roles"]
    table = security.table([row("a", number=1200), row("b", through=1), *others])
    words, at_stake = ATTACKS["roles"]
    assert f"| {words} | 1,207 | {at_stake} | 1 |\n" in table
    with pytest.raises(ValueError, match=r"not tried .*: roles$"):
        security.table(others)


def test_the_documented_page_is_one_that_the_command_writes() -> None:
    page = PAGE.read_text()
    assert page.startswith(security.HEAD) and HEADER in page
    assert [line for line in page.splitlines() if line.startswith("| ") and not line.endswith(" 0 |")] == [
        *HEADER.splitlines()
    ]
