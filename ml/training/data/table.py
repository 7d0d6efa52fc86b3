"""The data table: reads and checks it, and keeps training, validation and test apart.

Slices of one patient, and near-duplicate images of one web collection, look alike. Splitting without regard to that
puts copies of one scan on both sides and measures memory, so a `group` never spans two splits.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ml.contracts import TUMOR_TYPES, BrainscanError

TABLE = "scans.csv"
SPLITS = ("train", "val", "test")
COLUMNS = ("path", "source", "label", "type", "subject", "group", "split", "boxes")
SEQUENCE = "sequence"
"""An optional column that training needs: it tells how well the sequence gives the label away, and judges each one."""
NOT_BRAIN = "not_brain_mri"
LABELS = ("tumor", "no_tumor", NOT_BRAIN)
SEQUENCES = ("flair", "t1c")
PLANES = ("axial", "coronal", "sagittal")

Record = dict[str, str | None]


class TableError(BrainscanError):
    """The data table is not usable; the message names the row and the column."""

    def __init__(self, message: str) -> None:
        super().__init__("table_invalid", message)


@dataclass(frozen=True, slots=True)
class Row:
    """One image of the table. `path` is joined to the table's folder; `key` is the path as the table has it.

    type: one of TUMOR_TYPES, or "" if unknown or no tumor. boxes: x0, y0, x1, y1 as fractions of width and height.
    mask: a black and white image of the same size, white where the tumor is, or None. sequence: from the table's
    optional column, or "flair" / "t1c" if the file name ends so, else "". plane: one of PLANES, or "" if unknown.
    """

    key: str
    path: Path
    source: str
    label: str
    type: str
    subject: str
    group: str
    split: str
    boxes: tuple[tuple[float, float, float, float], ...]
    mask: Path | None = None
    sequence: str = ""
    plane: str = ""

    @property
    def tumor(self) -> bool:
        return self.label == "tumor"


def read_table(data: Path, *, check_splits: bool = True, needed: Sequence[str] = COLUMNS) -> list[Row]:
    """All rows of a data table, in order. data: the CSV file, or the folder that holds `scans.csv`.

    check_splits: whether a group or patient in two splits is an error; the audit lists them all instead. needed:
    columns that must be in the header.
    Raises TableError: as `read_records` does, an invalid value, a duplicate path, or a group in two splits.
    """
    file = data / TABLE if data.is_dir() else data
    rows = [_row(record, line, file.parent) for record, line in read_records(file, needed=needed)]
    if not rows:
        raise TableError(f"{file.name} has no rows.")
    _check_unique(rows)
    if check_splits:
        _check_groups(rows)
    return rows


def read_records(file: Path, *, needed: Sequence[str]) -> Iterator[tuple[Record, int]]:
    """The rows of a CSV file with the number of the line on which each ends; the header is row 1. UTF-8, with or
    without a byte order mark. needed: columns that must be in the header.

    Raises TableError: the file cannot be read, a column is missing or stands there twice, or a row has more cells than
    the header: a comma without quotes would move every value after it into the wrong column.
    """
    line = 1
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(Counter(reader.fieldnames or ()), needed, file.name)
            for record in reader:
                line = reader.line_num
                if None in record:
                    raise TableError(f"Row {line}: more values than columns. A value with a comma needs quotes.")
                yield record, line
    except csv.Error as error:
        raise TableError(f"{file.name}, after row {line}: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"The table {file} cannot be read: {error}.") from error


def brain_rows(rows: list[Row], split: str | None = None) -> list[Row]:
    """The rows that show a brain, of one split or of all. Images of anything else train the gate, not the detector."""
    return [row for row in rows if row.label != NOT_BRAIN and split in (None, row.split)]


def split_rows(rows: list[Row], split: str) -> list[Row]:
    """The brain images of one split. Raises TableError if there are none, or if a file is missing."""
    chosen = brain_rows(rows, split)
    if not chosen:
        raise TableError(f"Column split: no brain image has split {split!r}.")
    masks = [(row.mask, row.key) for row in chosen if row.mask is not None]
    for column, files in (("path", [(row.path, row.key) for row in chosen]), ("mask", masks)):
        absent = [key for file, key in files if not file.is_file()]
        if absent:
            where = absent[0] if column == "path" else f"the mask of {absent[0]}"
            raise TableError(f"Column {column}: {where} does not exist ({len(absent)} such files in split {split!r}).")
    return chosen


def check_trainable(rows: list[Row]) -> None:
    """Raises TableError unless every split has images, and training and validation have both classes."""
    for split in SPLITS:
        labels = {row.label for row in split_rows(rows, split)}
        if split != "test" and len(labels) < 2:
            raise TableError(f"Column label: split {split!r} has only {labels.pop()!r}; both classes are needed.")


def counts(rows: list[Row]) -> dict[str, dict[str, dict[str, int]]]:
    """Images per split, source and label: {"train": {"cheng": {"tumor": 1649, …}, …}, …}."""
    table: dict[str, dict[str, dict[str, int]]] = {}
    for (split, source, label), n in sorted(Counter((r.split, r.source, r.label) for r in rows).items()):
        table.setdefault(split, {}).setdefault(source, {})[label] = n
    return table


def _check_header(columns: Counter[str], needed: Sequence[str], name: str) -> None:
    absent = [column for column in needed if column not in columns]
    if absent:
        raise TableError(f"{name}, row 1 (header): column {', '.join(absent)} is missing.")
    twice = [column for column, n in columns.items() if column and n > 1]
    if twice:
        raise TableError(f"{name}, row 1 (header): column {twice[0]} stands there twice.")


def cell(record: Record, line: int, column: str, *, allowed: tuple[str, ...] = (), required: bool = True) -> str:
    """A cell's text. Raises TableError, which names row and column, if it is empty or not one of `allowed`."""
    text = (record.get(column) or "").strip()
    if required and not text:
        raise TableError(f"Row {line}, column {column}: the value is empty.")
    if allowed and text not in allowed:
        known = ", ".join(repr(word) for word in allowed)
        raise TableError(f"Row {line}, column {column}: {text!r} is not one of {known}.")
    return text


def _row(record: Record, line: int, folder: Path) -> Row:
    value = partial(cell, record, line)
    label = value("label", allowed=LABELS)
    tumor_type = value("type", allowed=(*TUMOR_TYPES, ""), required=False)
    if tumor_type and label != "tumor":
        raise TableError(f"Row {line}, column type: {tumor_type!r} on a row whose label is {label!r}.")
    key = value("path")
    return Row(
        key=key,
        path=folder / key,
        source=value("source"),
        label=label,
        type=tumor_type,
        subject=value("subject", required=False),
        group=value("group"),
        split=value("split", allowed=SPLITS),
        boxes=_boxes(value("boxes", required=False), line),
        mask=folder / mask if (mask := value("mask", required=False)) else None,
        sequence=value("sequence", required=False).lower() or _sequence(key),
        plane=value("plane", allowed=(*PLANES, ""), required=False),
    )


def _sequence(key: str) -> str:
    ending = Path(key).stem.lower().rpartition("-")[2]
    return ending if ending in SEQUENCES else ""


def _boxes(text: str, line: int) -> tuple[tuple[float, float, float, float], ...]:
    boxes = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        try:
            x0, y0, x1, y1 = (float(number) for number in part.split())
        except ValueError as error:
            raise TableError(f"Row {line}, column boxes: {part!r} is not four numbers.") from error
        if not (0 <= x0 <= x1 <= 1 and 0 <= y0 <= y1 <= 1):
            raise TableError(f"Row {line}, column boxes: {part!r} is not x0 y0 x1 y1 as fractions from 0 to 1.")
        boxes.append((x0, y0, x1, y1))
    return tuple(boxes)


def _check_unique(rows: list[Row]) -> None:
    twice = [key for key, n in Counter(row.key for row in rows).items() if n > 1]
    if twice:
        raise TableError(f"Column path: {twice[0]!r} is in more than one row.")


def _check_groups(rows: list[Row]) -> None:
    """Raises TableError if a group or a known patient is in two splits."""
    for column in ("group", "subject"):
        seen: dict[str, Row] = {}
        for row in rows:
            name = getattr(row, column)
            if not name:
                continue
            first = seen.setdefault(name, row)
            if first.split != row.split:
                raise TableError(
                    f"Column {column}: {name!r} is in split {first.split} ({first.key}) and in split {row.split} "
                    f"({row.key}). One {column} must stay in one split."
                )
