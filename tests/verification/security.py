"""What was tried against the site, written into docs/figures/security.md: `make reliability`, after `make verify`.

A test marked `attack(KEY)` stands for one thing that was tried, or for as many as it counts with `tried`. One that
fails has let something through. Nothing is noted unless SECURITY_ROWS names a file, as the two commands do. A second
run of the same test replaces its row.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.verification.reliability import append
from tests.verification.services import ROOT

PAGE = ROOT / "docs" / "figures" / "security.md"
HEAD = """# Security: the table

`make reliability` writes this file. [Security](../security.md#what-was-tried) says what it tells.

"""
HEADER = "| attack | how many | at stake | got through |\n| --- | --- | --- | --- |\n"

ATTACKS = {
    "roles": ("Every address asked, read and sent to, by people who may not see a case", "cases, results, files"),
    "rights": ("Every form of the admin sent by staff, with each permission and with all", "rights and passwords"),
    "confirmation": ("Changes of rights in a session whose password was typed long ago", "rights"),
    "blinding": ("Every address and filter asked by a reader who reads blind first", "hidden results"),
    "mutations": ("Damaged, cut, doubled and lying files of every format", "uploads of everybody, the process"),
    "hostile": (
        "Bombs, false sizes and other hostile files, within bounds of memory and time",
        "memory, other uploads",
    ),
    "calls": ("Generated API calls, as the schema allows and as it forbids", "the API"),
    "addresses": ("Hostile numbers, days, texts and lookups in addresses", "pages"),
    "known-images": ("Who else uploaded my image? Answers and times compared", "that somebody else has an image"),
    "guessing": ("Guessed passwords, codes and tokens, on every road", "accounts"),
    "passkeys": ("Forged, damaged, repeated and late answers of passkeys", "accounts"),
    "sso": ("Forged, damaged, repeated and late answers of an identity provider", "accounts"),
    "audit": ("Audit rows changed, removed, inserted, reordered, cut off", "the audit trail"),
    "forged": ("Forged hosts, origins, forwarded addresses, forms without their token", "sessions, the audit trail"),
    "redirects": ("Ways to another site in `next=`", "passwords typed elsewhere"),
    "identifiers": ("Identifiers planted in files", "patients"),
    "secrets": ("Secrets looked for in the processes' environments", "passwords and keys"),
    "policy": ("Pages opened in Chromium that break the Content-Security-Policy or load from elsewhere", "sessions"),
}
"""By key: what is tried, and what is at stake. The table has this order."""

_counted: list[int] = []


@dataclass(frozen=True)
class Row:
    """What one test tried of one attack, and how much of it got through."""

    attack: str
    test: str
    tried: int
    through: int
    day: str


def note(attack: str, *, test: str, tried: int, through: int) -> None:
    """Keep what a test tried. Nothing unless SECURITY_ROWS names a file."""
    if path := os.environ.get("SECURITY_ROWS"):
        append(Path(path), Row(attack, test, tried, through, f"{datetime.now(UTC):%Y-%m-%d}"))


def tried(number: int = 1) -> None:
    """Count what the running test has tried so far."""
    _counted.append(number)


def note_test(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep what a marked test tried, once it has run. Raises KeyError for an attack that is not in ATTACKS."""
    if report.when == "setup":
        _counted.clear()
    elif report.when == "call" and not report.skipped:
        for mark in item.iter_markers("attack"):
            ATTACKS[mark.args[0]]
            note(mark.args[0], test=item.nodeid, tried=sum(_counted) or 1, through=int(report.failed))


def rows(lines: Iterable[str]) -> list[Row]:
    """The newest row of each test and attack."""
    found = (Row(**json.loads(line)) for line in lines)
    return list({(row.attack, row.test): row for row in found}.values())


def table(found: Iterable[Row]) -> str:
    """The rows, summed by attack, as Markdown. Raises ValueError where an attack was not tried."""
    sums = {attack: [0, 0] for attack in ATTACKS}
    for row in found:
        sums[row.attack][0] += row.tried
        sums[row.attack][1] += row.through
    if missing := [attack for attack, (tried, _) in sums.items() if not tried]:
        raise ValueError(f"not tried (`make verify` first): {', '.join(missing)}")
    lines = [(words, *sums[attack], at_stake) for attack, (words, at_stake) in ATTACKS.items()]
    return HEADER + "".join(f"| {words} | {n:,} | {at_stake} | {through} |\n" for words, n, through, at_stake in lines)


if __name__ == "__main__":
    lines = Path(os.environ["SECURITY_ROWS"]).read_text(encoding="utf-8").splitlines()
    PAGE.write_text(HEAD + table(rows(lines)), encoding="utf-8")
