"""Treats sources of a data set as a new hospital: no image of them is used for training, all are judged."""

from dataclasses import replace

from ml.training.data.series_table import WholeSeries
from ml.training.data.table import Row, TableError, brain_rows


def hold_out(rows: list[Row], *sources: str) -> list[Row]:
    """`rows` with every brain image of `sources` in the test split, and no others there.

    Brain images of other sources go if they are of a patient or a group of these. Near-duplicates that no group names
    are then dropped like those of any test image. Raises TableError if the table has no brain image of a source.
    """
    known = sorted({row.source for row in brain_rows(rows)})
    for source in sources:
        if source not in known:
            raise TableError(f"Column source: no brain image is of {source!r}; there are {', '.join(known)}.")
    brains = {row.key for row in brain_rows(rows)}
    held = [replace(row, split="test") for row in rows if row.source in sources and row.key in brains]
    shared = {name for row in held for name in (row.group, row.subject)} - {""}
    moved = {row.key: row for row in held}

    def kept(row: Row) -> bool:
        others = row.key in brains and row.key not in moved
        return not (others and (row.split == "test" or not shared.isdisjoint((row.group, row.subject))))

    return [moved.get(row.key, row) for row in rows if kept(row)]


def other_series(series: list[WholeSeries], source: str) -> list[WholeSeries]:
    """The series that are not of `source`."""
    return [one for one in series if one.source != source]
