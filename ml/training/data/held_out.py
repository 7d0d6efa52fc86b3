"""Treats one source of a data set as a new hospital: no image of it is used for training, all are judged."""

from dataclasses import replace

from ml.training.data.series_table import WholeSeries
from ml.training.data.table import Row, TableError, brain_rows


def hold_out(rows: list[Row], *sources: str) -> list[Row]:
    """`rows` with every brain image of `sources` in the test split, and no others there.

    Near-duplicates of these images in other sources are then dropped like those of any test image. Raises TableError if
    the table has no brain image of a source.
    """
    known = sorted({row.source for row in brain_rows(rows)})
    for source in sources:
        if source not in known:
            raise TableError(f"Column source: no brain image is of {source!r}; there are {', '.join(known)}.")
    brains = {row.key for row in brain_rows(rows)}
    held = [replace(row, split="test") if row.source in sources else row for row in rows]
    return [row for row in held if row.key not in brains or row.split != "test" or row.source in sources]


def other_series(series: list[WholeSeries], source: str) -> list[WholeSeries]:
    """The series that are not of `source`."""
    return [one for one in series if one.source != source]
