"""The table of faults is written from the rows that the fault tests leave."""

import json
from dataclasses import asdict

from tests.verification import reliability
from tests.verification.reliability import HEAD, HEADER, PAGE, Row


def row(fault: str, *, lost: int = 0, section: str = "Disk") -> Row:
    return Row(fault, section, 1, "3 scans", lost, 0, 0.25, "test", "2026-11-29")


def test_the_newest_row_of_a_fault_counts() -> None:
    lines = [json.dumps(asdict(one)) for one in (row("full", lost=1), row("gone"), row("full"))]
    assert [(one.fault, one.lost) for one in reliability.rows(lines)] == [("full", 0), ("gone", 0)]


def test_each_section_has_a_table() -> None:
    page = reliability.page([row("full"), row("killed", section="Programs")])
    assert page.startswith(HEAD) and page.count(HEADER) == 2
    assert "\n## Disk\n" in page and "\n## Programs\n" in page
    assert "| full | 1 | 3 scans | 0 | 0 | 0.2 s |\n" in page


def test_the_documented_page_is_one_that_the_command_writes() -> None:
    page = PAGE.read_text()
    assert page.startswith(HEAD) and HEADER in page
