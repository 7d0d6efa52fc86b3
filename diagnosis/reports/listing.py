"""A list of predictions as CSV or JSON, streamed: however long it is, a hundred rows are in memory at a time."""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction, Review
from diagnosis.presentation import labels
from diagnosis.reports import readings
from diagnosis.reports.readings import HIDDEN
from diagnosis.reviews import consensus

FORMATS = ("csv", "json")
BATCH = 100
"""Rows that are read, and written, at once. 500 would save a sixth of the time, but exports that coincide mix their
rows in memory, and what stays between them holds on to pages: 32 exports at once left 360 MB in the web process with
500 rows each, and leave 80 MB with 100."""

COLUMNS = (
    "prediction", "case", "scan", "owner", "uploaded", "state", "outcome", "uncertain", "tumor_probability",
    "calibrated", "likely_type", "trained_on", "model", "engine", "finished", "problem", "review_state", "finding",
    "finding_type", "signed_by", "signed",
)  # fmt: skip

BOM = "\ufeff"
"""Without it, Excel takes a CSV file for one in the computer's old 8-bit encoding."""

_BEFORE = r"""[\s"'\u200b\ufeff]*"""
_SIGN = "[=+\\-@＝＋－＠]"
_FORMULA = re.compile(rf"^{_BEFORE}{_SIGN}|^[\t\r\n]")
_LATER_FORMULA = re.compile(rf"(;{_BEFORE})({_SIGN})")
"""Where a comma is the decimal sign, spreadsheets split a file at semicolons, those within a text too."""


def as_csv(rows: QuerySet[Prediction], *, user: AnyUser, bom: bool = True) -> Iterator[str]:
    """The rows under a header, comma-separated. Text that a spreadsheet would run as a formula has ' before it."""
    return csv_text(COLUMNS, _batches(rows, user), bom=bom)


def csv_text(
    columns: Sequence[str], batches: Iterable[Sequence[Mapping[str, Any]]], *, bom: bool = True
) -> Iterator[str]:
    """Records by column, under a header; a piece of text for each batch."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BOM if bom else "")
    writer.writerow(columns)
    for batch in batches:
        writer.writerows([[_cell(record[name]) for name in columns] for record in batch])
        yield _emptied(buffer)
    yield _emptied(buffer)


def as_json(rows: QuerySet[Prediction], *, user: AnyUser) -> Iterator[str]:
    """One array with an object a line. One that was cut off on its way is no valid JSON, so nobody takes it for all."""
    separator = "[\n"
    for batch in _batches(rows, user):
        yield separator + ",\n".join(json.dumps(record, ensure_ascii=False) for record in batch)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def safe_text(value: str) -> str:
    """The text, with a ' wherever a spreadsheet might run a formula, at its start or after a semicolon: quotes and
    blanks before it don't help.

    See OWASP, CSV Injection.
    """
    value = _LATER_FORMULA.sub(r"\1'\2", value)
    return f"'{value}" if _FORMULA.search(value) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(value) if isinstance(value, str) else value


def _batches(rows: QuerySet[Prediction], user: AnyUser) -> Iterator[list[dict[str, Any]]]:
    found = labels.with_calibration(rows).iterator(chunk_size=BATCH)
    while batch := list(itertools.islice(found, BATCH)):
        reviews = readings.reviews_by_scan(user, scans={row.scan_id for row in batch})
        yield [_of_run(row) | _of_readers(row, consensus.of_reviews(reviews[row.scan_id]).final) for row in batch]


def _of_run(row: Prediction) -> dict[str, Any]:
    """A result that is hidden from the reader is empty here, as in the row."""
    hidden = row.blinded
    return {
        "prediction": row.pk,
        "case": row.case_reference,
        "scan": row.scan_name,
        "owner": row.owner_name,
        "uploaded": _time(row.created),
        "state": row.state,
        "outcome": row.outcome or None,
        "uncertain": None if hidden else row.uncertain,
        "tumor_probability": row.tumor_probability,
        "calibrated": labels.is_calibrated(row),
        "likely_type": row.likely_type or None,
        "trained_on": None if hidden else row.trained_on,
        "model": row.model_version.label if row.model_version else None,
        "engine": row.engine or None,
        "finished": _time(row.finished),
        "problem": HIDDEN if hidden else (row.gate or {}).get("message") or row.error or None,
    }


def _of_readers(row: Prediction, final: Review | None) -> dict[str, Any]:
    """final: the signed review whose finding holds for the scan."""
    return {
        "review_state": row.scan.reading,
        "finding": final.finding if final else None,
        "finding_type": (final.tumor_type or None) if final else None,
        "signed_by": final.reader.get_username() if final else None,
        "signed": _time(final.signed) if final else None,
    }


def _time(moment: datetime | None) -> str | None:
    """ISO 8601 in the site's time zone, with its offset."""
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
