"""Gray values through a Modality LUT or VOI LUT (PS3.3, C.11.1.1.1 and C.11.2.1.1).

pydicom's own functions need the byte order of the whole file, take 8 or 16 bits an entry only, and let an index beyond
the type of the entries wrap around.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_MOST = 1 << 16
"""Entries of the longest table, which its descriptor writes as 0."""


def through(values: NDArray[Any], table: Dataset) -> NDArray[np.float64]:
    """The entry of each value. table: an item of Modality or VOI LUT Sequence.

    Raises almost anything if the item holds no table.
    """
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    count = count % _MOST or _MOST  # a signed VR does not hold counts above 32,767
    if first >= _MOST // 2 and (values.min() < 0 or values.max() < first - _MOST + count):
        first -= _MOST  # an unsigned VR holds no negative ones; the slice may have none, either
    entries = _entries(little_endian(table), count, bits)
    indices = np.clip(np.rint(values - float(first)), 0, count - 1).astype(np.intp)
    return entries[indices].astype(np.float64)


def little_endian(table: Dataset) -> bytes:
    """The words of a table, whatever the byte order of its file. Raises almost anything if it has none."""
    data: Any = table.LUTData
    if not isinstance(data, bytes):
        return np.asarray(data, np.int64).astype("<u2").tobytes()
    if table.original_encoding[1] is not False:
        return data
    return np.frombuffer(data, ">u2", len(data) // 2).astype("<u2").tobytes()


def _entries(stored: bytes, count: int, bits: int) -> NDArray[Any]:
    """Entries of 8 bits lie two in a word, or each in a word of its own; the length tells."""
    if not 1 <= bits <= 16:
        raise ValueError("no such entries")
    in_bytes = bits <= 8 and len(stored) < 2 * count
    return np.frombuffer(stored, "u1" if in_bytes else "<u2", count)
