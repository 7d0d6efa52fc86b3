"""What the fault tests found, written into docs/figures/reliability.md: `make reliability`, after `make verify`.

A test says with `record` which fault it made, what was at stake and what became of it. It asserts by itself; the row is
written first, so a failure is in the table, too. A second run of the same test replaces its row.
"""

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from tests.verification.background import Background
from tests.verification.client import Client
from tests.verification.services import ROOT, Site

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROWS = Path(os.environ.get("RELIABILITY_ROWS", ROOT / "var" / "reliability.jsonl"))
PAGE = ROOT / "docs" / "figures" / "reliability.md"
HEAD = """# Reliability: the table

`make reliability` writes this file. [Reliability](../reliability.md) says what it tells.
"""
HEADER = "| fault | times | at stake | lost | doubled | longest outage |\n| --- | --- | --- | --- | --- | --- |\n"
_PAUSE = 0.1


@dataclass(frozen=True)
class Row:
    """One kind of fault.

    times: how often it was made. at_stake: what could have been lost. lost, doubled: how many of these were.
    outage: the longest time, in seconds, during which no request of a user was answered; None if not watched.
    """

    fault: str
    section: str
    times: int
    at_stake: str
    lost: int
    doubled: int
    outage: float | None
    test: str
    day: str


def record(
    *, fault: str, section: str, times: int, at_stake: str, lost: int, doubled: int, outage: float | None = None
) -> None:
    """Keep what a test found. Not asserted here."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
    row = Row(fault, section, times, at_stake, lost, doubled, outage, test, f"{datetime.now(UTC):%Y-%m-%d}")
    append(ROWS, row)


def append(path: Path, row: "DataclassInstance") -> None:
    """Add a row to a file of notes, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def doubled(site: Site) -> int:
    """Results, embeddings or audit rows beyond one for each prediction."""
    script = (
        "from django.db.models import Count; from diagnosis.models import AuditEvent, Embedding, Prediction\n"
        "more = Embedding.objects.values('prediction').annotate(n=Count('pk')).filter(n__gt=1).count()\n"
        "more += Prediction.objects.values('scan').annotate(n=Count('pk')).filter(n__gt=1).count()\n"
        "print('doubled', more)"
    )
    return int(site.manage("shell", "-c", script).split()[-1])


def rows(lines: Iterable[str]) -> list[Row]:
    """The newest row of each fault, in the order in which the faults were first recorded."""
    found: dict[tuple[str, str], Row] = {}
    for line in lines:
        row = Row(**json.loads(line))
        found[row.section, row.fault] = row
    return list(found.values())


def table(found: Iterable[Row]) -> str:
    """The rows as Markdown, a table for each section."""
    sections: dict[str, list[Row]] = {}
    for row in found:
        sections.setdefault(row.section, []).append(row)
    return "".join(f"\n## {name}\n\n{HEADER}{''.join(map(_line, part))}" for name, part in sorted(sections.items()))


def _line(row: Row) -> str:
    outage = "–" if row.outage is None else f"{row.outage:.1f} s"
    return f"| {row.fault} | {row.times} | {row.at_stake} | {row.lost} | {row.doubled} | {outage} |\n"


def page(found: Iterable[Row]) -> str:
    """The page with the tables of `found`."""
    return HEAD + table(found)


class Watch(Background):
    """A user who reads on while something is broken: asks for the results again and again, in a thread of its own.

    `outage` is the longest time in seconds from an answer to the next one with none in between; 0 if all were answered.
    """

    def __init__(self, site: Site, *, path: str = "/api/v1/predictions/?page_size=1") -> None:
        super().__init__()
        self._client, self._path = Client(site.url, site.token()), path
        self.outage, self.refused, self.answers = 0.0, dict[Any, int](), 0

    def _run(self) -> None:
        answered, missed = time.monotonic(), False
        while not self._over.wait(_PAUSE):
            status: Any = "no answer"
            with suppress(URLError, OSError):
                status = self._client.get(self._path)[0]
            if status == 200:
                self.answers += 1
                if missed:
                    self.outage = max(self.outage, time.monotonic() - answered)
                answered, missed = time.monotonic(), False
            else:
                self.refused[status] = self.refused.get(status, 0) + 1
                missed = True
        if missed:
            self.outage = max(self.outage, time.monotonic() - answered)


if __name__ == "__main__":
    PAGE.write_text(page(rows(ROWS.read_text(encoding="utf-8").splitlines())), encoding="utf-8")
