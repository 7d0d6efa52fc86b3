"""The audit trail as CSV, streamed."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from diagnosis.models import AuditEvent
from diagnosis.reports.listing import BATCH, csv_text

COLUMNS = (
    "id", "at", "actor", "actor_id", "action", "target_type", "target_id", "target", "address", "request_id", "details",
    "position", "hash",
)  # fmt: skip


def as_csv(rows: QuerySet[AuditEvent], *, bom: bool = True) -> Iterator[str]:
    """The events under a header. `details` is JSON; what a spreadsheet would run as a formula has ' before it."""
    return csv_text(COLUMNS, _batches(rows), bom=bom)


def _batches(rows: QuerySet[AuditEvent]) -> Iterator[list[dict[str, Any]]]:
    found = rows.values(*COLUMNS).iterator(chunk_size=BATCH)
    while batch := list(itertools.islice(found, BATCH)):
        yield [_record(row) for row in batch]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    details = json.dumps(row["details"], ensure_ascii=False, sort_keys=True)
    return row | {"at": row["at"].isoformat(), "details": details}
