"""The worklist's table head and the orders it offers."""

from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from diagnosis.worklist.query import NEWEST_FIRST

_HEADINGS = {
    "case": "Case",
    "scan": "Scan",
    "score": "Outcome",
    "type": "Type",
    "reading": "Reading",
    "owner": "Owner",
    "when": "When",
}
_SORTABLE = ("case", "scan", "score", "owner", "when")

_OFFERED = (
    (NEWEST_FIRST, "Newest first"),
    ("when", "Oldest first"),
    ("triage", "Triage: uncertain and tumor first, oldest first"),
    ("case", "By case"),
    ("-score", "By outcome, highest score first"),
)


def headings(sort: str) -> list[dict[str, str]]:
    """The table's head: label, current direction, and the `sort` parameter that a click sets."""
    columns = []
    for key, label in _HEADINGS.items():
        if key not in _SORTABLE:
            columns.append({"key": "", "label": label, "sort": "", "direction": ""})
            continue
        current = sort.removeprefix("-") == key
        first = f"-{key}" if key in ("when", "score") else key
        following = (key if sort.startswith("-") else f"-{key}") if current else first
        direction = ("descending" if sort.startswith("-") else "ascending") if current else ""
        columns.append({"key": key, "label": label, "sort": following, "direction": direction})
    return columns


def offered(sort: str) -> list[tuple[str, str, bool]]:
    """The orders to choose from: name, words, and whether it is the current one."""
    return [(name, text, name == sort) for name, text in _OFFERED]


def list_parameter(query: str) -> str:
    """The query string by which a result knows the list it was opened from."""
    return urlencode({"list": query})


def moment(text: str, *, less: timedelta) -> datetime | None:
    """A time from the URL, with its offset, earlier by `less`; None for anything else."""
    try:
        found = parse_datetime(text)
        return found.astimezone(UTC) - less if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None
