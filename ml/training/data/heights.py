"""At which height of the head a slice lies, where the table holds slices of a whole series.

Slices of the vertex, the skull base and the neck look unlike those of the middle, which most collections chose.
"""

from functools import cache
from pathlib import Path

from ml.training.data.table import Row

HEIGHTS = ("1 lowest fifth", "2 second fifth", "3 middle fifth", "4 fourth fifth", "5 highest fifth")


def height(row: Row) -> str:
    """The fifth of its series in which an axial slice lies, one of HEIGHTS; "" for a slice of another plane or none.

    The slices of a series are numbered from 0 upwards in a folder of their own; see `ml.training.data.series_table`.
    """
    if row.plane != "axial" or not row.path.stem.isdecimal():
        return ""
    slices = _slices(row.path.parent)
    number = int(row.path.stem)
    if number >= slices:  # the numbers are no positions
        return ""
    return HEIGHTS[len(HEIGHTS) * number // slices]


@cache
def _slices(folder: Path) -> int:
    return sum(file.stem.isdecimal() for file in folder.iterdir())
