"""The table of whole series, with every slice of a head from the lowest to the highest.

The single images of a data set were selected. A hospital's series was not: it also has eyes, skull base, vertex and
neck. So the result of a series is fitted and measured on whole series.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ml.training.data.table import PLANES, SPLITS, Record, TableError, cell, read_records

TABLE = "series.csv"
COLUMNS = (
    *("series", "source", "subject", "split", "label", "sequence", "plane"),
    *("slices", "tumor_slices", "spacing_mm"),
)
LABELS = ("tumor", "no_tumor")


@dataclass(frozen=True, slots=True)
class WholeSeries:
    """One series. key: its folder, as the table has it.

    slices: the images in their order along the head. masks: one for each slice, as `Row.mask`, or None.
    tumor_slices: indices of the slices that show the tumor. sequence, plane: "" if unknown. spacing: distance between
    slices in millimeters, None if unknown.
    """

    key: str
    source: str
    subject: str
    split: str
    label: str
    sequence: str
    plane: str
    slices: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    tumor_slices: tuple[int, ...]
    spacing: float | None = None

    @property
    def tumor(self) -> bool:
        return self.label == "tumor"


def read_series(data: Path) -> list[WholeSeries]:
    """Every series of a table, in its order. data: the CSV file, or the folder that holds `series.csv`.

    Raises TableError with row and column: a column is missing, a value is not allowed, a folder lacks a slice or has
    too many, a series is listed twice, or a patient is in two splits.
    """
    file = data / TABLE if data.is_dir() else data
    found = [_series(record, line, file.parent) for record, line in read_records(file, needed=COLUMNS)]
    twice = [key for key, n in Counter(one.key for one in found).items() if n > 1]
    if twice:
        raise TableError(f"Column series: {twice[0]!r} is in more than one row.")
    _check_subjects(found)
    return found


def split_series(data: Path, split: str) -> list[WholeSeries]:
    """The series of one split. Raises TableError as `read_series` does, and if there are none."""
    found = [one for one in read_series(data) if one.split == split]
    if not found:
        raise TableError(f"Column split: no series has split {split!r}.")
    return found


def _series(record: Record, line: int, folder: Path) -> WholeSeries:
    value = partial(cell, record, line)
    key, label = value("series"), value("label", allowed=LABELS)
    slices, masks = _slices(folder / key, value("slices"), line)
    return WholeSeries(
        key=key,
        source=value("source"),
        subject=value("subject"),
        split=value("split", allowed=SPLITS),
        label=label,
        sequence=value("sequence", required=False).lower(),
        plane=value("plane", allowed=(*PLANES, ""), required=False),
        slices=slices,
        masks=masks,
        tumor_slices=_tumor_slices(value("tumor_slices", required=False), len(slices), label, line),
        spacing=_spacing(value("spacing_mm", required=False), line),
    )


def _slices(folder: Path, text: str, line: int) -> tuple[tuple[Path, ...], tuple[Path | None, ...]]:
    """The folder's images, `000` and so on, and their masks, such as `028-mask.png`; None for a slice without one."""
    if not text.isdecimal() or not int(text):
        raise TableError(f"Row {line}, column slices: {text!r} is no number of slices.")
    try:
        there = {file.stem: file for file in folder.iterdir() if not file.name.startswith(".")}
    except OSError as error:
        raise TableError(f"Row {line}, column series: the folder {folder.name} cannot be read: {error}.") from error
    names = [f"{number:03d}" for number in range(int(text))]
    absent = [name for name in names if name not in there]
    if absent:
        raise TableError(f"Row {line}, column slices: {folder.name} has no slice {absent[0]} ({len(absent)} missing).")
    images = sum(stem.isdecimal() for stem in there)
    if images > len(names):
        raise TableError(f"Row {line}, column slices: {folder.name} has {images} slices, not {len(names)}.")
    return tuple(there[name] for name in names), tuple(there.get(f"{name}-mask") for name in names)


def _tumor_slices(text: str, slices: int, label: str, line: int) -> tuple[int, ...]:
    words = text.split()
    wrong = [word for word in words if not word.isdecimal() or int(word) >= slices]
    if wrong:
        raise TableError(f"Row {line}, column tumor_slices: {wrong[0]!r} is no slice of 0 to {slices - 1}.")
    if words and label != "tumor":
        raise TableError(f"Row {line}, column tumor_slices: {words[0]!r} on a row whose label is {label!r}.")
    return tuple(sorted({int(word) for word in words}))


def _spacing(text: str, line: int) -> float | None:
    if not text:
        return None
    try:
        spacing = float(text)
    except ValueError:
        spacing = 0.0
    if not 0 < spacing < float("inf"):
        raise TableError(f"Row {line}, column spacing_mm: {text!r} is no distance in millimeters.")
    return spacing


def _check_subjects(found: list[WholeSeries]) -> None:
    seen: dict[str, WholeSeries] = {}
    for one in found:
        first = seen.setdefault(one.subject, one)
        if first.split != one.split:
            raise TableError(
                f"Column subject: {one.subject!r} is in split {first.split} ({first.key}) and in split {one.split} "
                f"({one.key}). One patient must stay in one split."
            )
