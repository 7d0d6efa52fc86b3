"""The chain of the audit trail: each row's hash covers its content and the hash of the row before it.

Rows are written unsealed, so that writers never wait for each other, and sealed seconds later by the beat, in the order
in which it finds them: a transaction that commits late gets a later position, and none is skipped. Changing, removing,
adding or swapping sealed rows breaks the chain there or at the next row. A chain inside one database can't show that
somebody computed a new chain over everything, or cut off its end: for these, keep a head somewhere else (`head`; the
log has each one) and give it to `verify`. See docs/adr/0015-sealed-audit.md.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from diagnosis.models import AuditEvent

BATCH = 1000
MAX_BATCHES = 20
"""In one run: 20,000 rows take some seconds, and the next run goes on."""

CONTENT = (
    "id", "at", "actor_id", "actor", "action", "target_type", "target_id", "target", "address", "request_id", "details",
)  # fmt: skip

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain, or of its part up to one row. position: from 1; 0 for a chain without rows."""

    position: int = 0
    hash: str = ""

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that `str` wrote. Raises ValueError."""
        position, _, digest = text.strip().partition(":")
        if not position.isdecimal() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ValueError("A head is a position, a colon and 64 hexadecimal digits.")
        return cls(int(position), digest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """sealed: rows that hold. unsealed: rows. head: the last row that holds. broken: what is wrong with the first row
    that does not fit, "" for a chain that is whole."""

    sealed: int
    unsealed: int
    head: Head
    broken: str = ""


def row_hash(previous: Head, content: Sequence[Any]) -> str:
    """The hash of the row after `previous`. content: its values, ordered as CONTENT, as the database gives them."""
    values = dict(zip(CONTENT, content, strict=True))
    values["at"] = values["at"].astimezone(UTC).isoformat(timespec="microseconds")
    sealed = [previous.position + 1, previous.hash, values]
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def chained(previous: Head, rows: Iterable[Sequence[Any]]) -> Iterator[Head]:
    """The chain's head after each row, in order."""
    for content in rows:
        previous = Head(previous.position + 1, row_hash(previous, content))
        yield previous


def head() -> Head:
    """The last sealed row."""
    last = AuditEvent.objects.exclude(position=None).order_by("-position").values_list("position", "hash").first()
    return Head(*last) if last else Head()


def seal() -> int:
    """Seal what has been written since. Returns how many rows, at most MAX_BATCHES × BATCH."""
    total = 0
    for _ in range(MAX_BATCHES):
        try:
            sealed = _seal_batch()
        except IntegrityError:  # another sealer was faster
            break
        total += sealed
        if sealed < BATCH:
            break
    if total:
        _log.info("audit trail sealed", rows=total, head=str(head()))
    return total


def _seal_batch() -> int:
    with transaction.atomic():
        unsealed = AuditEvent.objects.select_for_update().filter(position=None).order_by("id")[:BATCH]
        rows = list(unsealed.values_list(*CONTENT))
        write(rows, behind=head())  # read once the rows are ours
    return len(rows)


def write(rows: Sequence[Sequence[Any]], *, behind: Head) -> Head:
    """Seal the rows that follow a head. Returns the new head. Raises IntegrityError if one is sealed already."""
    heads = list(chained(behind, rows))
    if not heads:
        return behind
    table = connection.ops.quote_name(AuditEvent._meta.db_table)
    statement = f"UPDATE {table} SET position = %s, hash = %s WHERE id = %s AND position IS NULL"  # noqa: S608
    values = [(new.position, new.hash, content[0]) for new, content in zip(heads, rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
        if cursor.rowcount != len(values):
            raise IntegrityError("some of the rows are sealed already")
    return heads[-1]


def verify(*, known: Sequence[Head] = ()) -> Verdict:
    """Read the whole chain and say whether it holds. known: heads that were noted down earlier."""
    wanted = {one.position: one.hash for one in known}
    previous, count = Head(), 0
    for position, digest, *content in _sealed_rows().iterator(chunk_size=BATCH):
        broken = _broken(previous, Head(position, digest), content)
        if not broken and wanted.pop(position, digest) != digest:
            broken = f"position {position}, row {content[0]}: the row is another than the one that was noted down"
        if broken:
            return Verdict(count, _unsealed(), previous, broken)
        previous, count = Head(position, digest), count + 1
    missing = min(wanted, default=0)
    broken = f"position {missing}: the chain ends at {previous.position}, its end was cut off" if missing else ""
    return Verdict(count, _unsealed(), previous, broken)


def _sealed_rows() -> QuerySet[AuditEvent, Any]:
    rows = AuditEvent.objects.exclude(position=None).order_by("position")
    return rows.values_list("position", "hash", *CONTENT)


def _unsealed() -> int:
    return AuditEvent.objects.filter(position=None).count()


def _broken(previous: Head, stored: Head, content: Sequence[Any]) -> str:
    """What is wrong with a row that should follow `previous`; "" if it does."""
    expected = previous.position + 1
    if stored.position != expected:
        gap = (
            f"position {expected}"
            if stored.position == expected + 1
            else f"positions {expected} to {stored.position - 1}"
        )
        return f"{gap}: missing; the next row is {content[0]}"
    if stored.hash != row_hash(previous, content):
        return (
            f"position {stored.position}, row {content[0]}: its content, or the row before it, is not what was sealed"
        )
    return ""
