"""The offset from the corner of a stack's slices to their center, for comparing stacks that are tilted to each other.

The plane of a slice goes through its middle, the head. Where its plane would cross the middle of the magnet, outside of
the stack, a tilt of a few degrees makes a difference of centimeters.
"""

import structlog
from pydicom import dcmread

from diagnosis.models import Scan, Slice
from diagnosis.presentation.missing import FileMissing
from diagnosis.presentation.responses import open_stored
from ml.readers.dicom import geometry

_log = structlog.get_logger(__name__)


def of_scan(scan: Scan) -> list[float] | None:
    """mm in the patient, as DICOM has its axes; None unless the files of a series tell where slices lie, and how long
    their sides are."""
    if not scan.is_series or not scan.normal:
        return None
    row = Slice.objects.filter(scan=scan, facts__isnull=False).exclude(file="").first()
    if row is None:
        return None
    try:
        with open_stored(row.file) as stored:
            header = dcmread(stored, stop_before_pixels=True)
    except FileMissing:  # the page shows where
        return None
    except Exception:  # pydicom raises almost anything for a damaged file; without the middle the page is whole
        _log.exception("the middle of a stack is unknown: a stored file cannot be read", scan=scan.pk)
        return None
    position, sides = geometry.slice_position(header, 0), geometry.millimeters(header, 0)
    if position is None or sides is None:
        return None
    down, across = ((count - 1) / 2 * side for count, side in zip((scan.height, scan.width), sides, strict=True))
    return [round(across * x + down * y, 3) for x, y in zip(position.row, position.column, strict=True)]
