"""A list of predictions as CSV or JSON, streamed: however long it is, a few hundred rows are in memory at a time."""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from diagnosis.models import Prediction
from diagnosis.presentation import labels

FORMATS = ("csv", "json")
BATCH = 500
"""Rows that are read, and written, at once."""

COLUMNS = (
    "prediction", "case", "scan", "owner", "uploaded", "state", "outcome", "uncertain", "tumor_probability",
    "calibrated", "likely_type", "trained_on", "model", "engine", "finished", "problem",
)  # fmt: skip

BOM = "\ufeff"
"""Without it, Excel takes a CSV file for one in the computer's old 8-bit encoding."""

_FORMULA = re.compile(r"""^[\s"'\u200b\ufeff]*[=+\-@＝＋－＠]|^[\t\r\n]""")


def as_csv(rows: QuerySet[Prediction], *, bom: bool = True) -> Iterator[str]:
    """The rows under a header, comma-separated. Text that a spreadsheet would run as a formula has ' before it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(BOM if bom else "")
    writer.writerow(COLUMNS)
    for batch in _batches(rows):
        writer.writerows([[_cell(record[name]) for name in COLUMNS] for record in batch])
        yield _emptied(buffer)
    yield _emptied(buffer)


def as_json(rows: QuerySet[Prediction]) -> Iterator[str]:
    """One array with an object a line. One that was cut off on its way is no valid JSON, so nobody takes it for all."""
    separator = "[\n"
    for batch in _batches(rows):
        yield separator + ",\n".join(json.dumps(record, ensure_ascii=False) for record in batch)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def safe_text(value: str) -> str:
    """The text, with a leading ' if a spreadsheet might run it as a formula: quotes and blanks before it don't help.

    See OWASP, CSV Injection.
    """
    return f"'{value}" if _FORMULA.search(value) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(value) if isinstance(value, str) else value


def _batches(rows: QuerySet[Prediction]) -> Iterator[list[dict[str, Any]]]:
    found = labels.with_calibration(rows).iterator(chunk_size=BATCH)
    while batch := list(itertools.islice(found, BATCH)):
        yield list(_records(batch))


def _records(batch: Iterable[Prediction]) -> Iterator[dict[str, Any]]:
    for row in batch:
        yield {
            "prediction": row.pk,
            "case": row.case_reference,
            "scan": row.scan_name,
            "owner": row.owner_name,
            "uploaded": _time(row.created),
            "state": row.state,
            "outcome": row.outcome or None,
            "uncertain": row.uncertain,
            "tumor_probability": row.tumor_probability,
            "calibrated": labels.is_calibrated(row),
            "likely_type": row.likely_type or None,
            "trained_on": row.trained_on,
            "model": row.model_version.label if row.model_version else None,
            "engine": row.engine or None,
            "finished": _time(row.finished),
            "problem": (row.gate or {}).get("message") or row.error or None,
        }


def _time(moment: datetime | None) -> str | None:
    """ISO 8601 in the site's time zone, with its offset."""
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
