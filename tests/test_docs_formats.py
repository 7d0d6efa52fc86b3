"""docs/formats.md and the table of files beside it say what the readers do."""

import re
from pathlib import Path

import pytest

from diagnosis import intake
from ml import readers
from ml.readers import archives, volumes
from ml.readers.dicom import MAX_FRAMES, header
from tests import formats

TEXT = (formats.DOCUMENT.parent / "formats.md").read_text()


def test_every_file_that_pydicom_ships_is_read_or_refused_as_the_document_says() -> None:
    """To write the document again: python -m tests.formats."""
    assert formats.written() == formats.DOCUMENT.read_text()
    assert len(formats.files()) > 180


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("pixels of a slice", f"{readers.MAX_PIXELS:,}"),
        ("frames or slices of a file", f"{MAX_FRAMES:,}"),
        ("frames or slices of a file", f"{volumes.MAX_SLICES:,}"),
        ("a deflated DICOM file", f"{header.MAX_INFLATED // 10**6:,} MB"),
        ("a deflated DICOM file", f"{header.MAX_RATIO} times"),
        ("a gzipped NIfTI volume", f"{volumes.MAX_INFLATED // 10**6:,} MB"),
        ("a gzipped NIfTI volume", f"{volumes.MAX_RATIO} times"),
        ("files of an archive", f"{archives.limits.MAX_MEMBERS:,}"),
        ("entries of an archive", f"{archives.limits.MAX_ENTRIES:,}"),
        ("the list of files in a ZIP archive", f"{archives.limits.MAX_LIST // 10**6:,} MB"),
        ("names and comments before a file of a tar archive", f"{archives.limits.MAX_HEADERS // 10**6:,} MB"),
        ("a file of an archive, unpacked |", f"{archives.limits.MAX_MEMBER // 10**6:,} MB"),
        ("all files of an archive", f"{archives.limits.MAX_TOTAL // 10**6:,} MB"),
        ("a file of an archive, unpacked, beyond 16 MB", f"{archives.limits.MAX_RATIO} times"),
    ],
)
def test_limits_are_those_of_the_code(what: str, limit: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"| {what}"))
    assert limit in line


def test_codes_are_those_of_the_code() -> None:
    rooms = Path(readers.__file__).parent, Path(intake.__file__).parent
    sources = "".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    codes = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", TEXT))
    assert len(codes) > 15
    assert [code for code in codes if f'"{code}"' not in sources] == []
