"""DICOM data sets that lack what a DICOM file begins with: preamble, prefix, or the whole file meta information.

Scanners, old archives and toolkits write them. Nothing in such a file says that it is DICOM, so its first elements must
be well formed: rising tags from group 0002 or 0008, known VRs, lengths as text and numbers have them (PS3.5, 7.1).
"""

import struct
from collections.abc import Iterator

PREAMBLE = 128
META = 132
"""Offset of a DICOM file's meta information, after preamble and prefix (PS3.10, 7.1)."""

_ENOUGH = 3
"""Elements that must be well formed."""
_LONGEST = 1 << 16
"""Bytes of the longest value among the first elements."""
_LONG_VRS = frozenset([b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"])
"""VRs whose length has four bytes, after two that are reserved."""
_VRS = _LONG_VRS | {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"),
    *(b"ST", b"TM", b"UI", b"UL", b"US"),
}
_UNDEFINED = 0xFFFFFFFF


def is_dicom(data: bytes) -> bool:
    """Whether bytes, at least the first 512 of a file, are a DICOM file or a bare data set."""
    return data[PREAMBLE:META] == b"DICM" or start(data) is not None


def start(data: bytes) -> int | None:
    """Where the elements of a file without a proper beginning start; None if it is no data set."""
    if data[:4] == b"DICM":
        return 4
    if _begins_data_set(data):
        return 0
    if not any(data[:PREAMBLE]) and _begins_data_set(data[PREAMBLE : PREAMBLE + (1 << 17)]):
        return PREAMBLE
    return None


def end_of_meta(data: bytes, at: int) -> int:
    """Where the file meta information that starts at `at` ends, whatever its group length claims."""
    for tag, _, after in _explicit(data, at, "<"):
        if tag >> 16 != 2:
            break
        at = after
    return at


def _begins_data_set(data: bytes) -> bool:
    return any(
        _well_formed(elements) for elements in (_explicit(data, 0, "<"), _implicit(data), _explicit(data, 0, ">"))
    )


def _well_formed(elements: Iterator[tuple[int, int, int]]) -> bool:
    """Whether the first elements, as tag, length and end, are as a data set begins."""
    last = 0
    for number, (tag, length, _) in enumerate(elements):
        if tag <= last or (number == 0 and tag >> 16 not in (2, 8)) or length > _LONGEST:
            return False
        if number == _ENOUGH - 1:
            return True
        last = tag
    return False


def _explicit(data: bytes, at: int, order: str) -> Iterator[tuple[int, int, int]]:
    """Tag, length and end of each element, until one has no known VR or an undefined length."""
    while at + 12 <= len(data):
        group, element, vr, length = struct.unpack_from(f"{order}HH2sH", data, at)
        if vr not in _VRS:
            return
        at += 8
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from(f"{order}I", data, at)
            at += 4
        if length == _UNDEFINED:
            return
        at += length
        yield group << 16 | element, length, at


def _implicit(data: bytes) -> Iterator[tuple[int, int, int]]:
    at = 0
    while at + 8 <= len(data):
        group, element, length = struct.unpack_from("<HHI", data, at)
        if length == _UNDEFINED:
            return
        at += 8 + length
        yield group << 16 | element, length, at
