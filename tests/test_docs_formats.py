"""docs/formats.md and the table of files beside it say what the readers do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnosis import deid, intake
from diagnosis.intake import rejections
from ml import readers
from ml.inference import pixel_checks
from ml.model import gate
from ml.readers import archives, sniffing, unread, volumes
from ml.readers.dicom import MAX_FRAMES, header
from tests import formats

TEXT = (formats.DOCUMENT.parent / "formats.md").read_text()


@pytest.mark.slow
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
        ("a gzipped volume", f"{volumes.MAX_INFLATED // 10**6:,} MB"),
        ("a gzipped volume", f"{volumes.MAX_RATIO} times"),
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


def rooms() -> Iterator[Path]:
    """The source files of all that reads, cleans and takes in files."""
    for module in (readers, deid, intake):
        assert module.__file__ is not None
        yield from Path(module.__file__).parent.rglob("*.py")


def raised_codes() -> set[str]:
    """The codes of every `UnreadableImage(code, sentence)` in these rooms."""
    codes: set[Any] = set(unread.WHAT_TO_DO) | {rejections.CONFIRMABLE}
    for path in rooms():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "UnreadableImage":
                codes |= {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
    return codes


def test_every_code_is_in_the_document() -> None:
    codes = raised_codes()
    assert len(codes) > 45
    assert {code for code in codes if f"`{code}`" not in TEXT} == set()


def reasons() -> set[str]:
    """Why the model's first checks refuse an image that was read."""
    return set(re.findall(r'reason="(\w+)"', Path(pixel_checks.__file__).read_text()))


def test_every_code_of_the_document_is_raised() -> None:
    assert set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", TEXT)) - raised_codes() - reasons() == set()


def test_every_reason_of_the_model_is_in_the_api_document() -> None:
    checks = Path(pixel_checks.__file__).read_text()
    reasons = {*re.findall(r'reason="(\w+)"', checks), *(reason for reason, _ in gate.REASONS.values())}
    assert len(reasons) > 15
    document = (formats.DOCUMENT.parent / "api.md").read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in document} == set()


def test_every_format_that_is_not_read_is_in_the_row_of_its_code() -> None:
    rows = {code: line for line in TEXT.splitlines() for code in re.findall(r"`(\w+)` \|$", line)}
    for _, code, name in unread.FORMATS:
        known = re.sub(r"^an? (file packed with )?|^of (a )?| archive$| \(.*", "", name)
        assert known.split()[0].strip(",") in rows[code], name


def test_every_format_that_is_read_is_in_the_document() -> None:
    first = TEXT[: TEXT.index("## How DICOM")]
    assert [name for _, name in sniffing._RASTER if name not in first] == []
    assert [name for name in re.findall(r"[\w.]+", sniffing.ACCEPTED) if name != "or" and name not in first] == []
