"""docs/formats-pydicom.md: what happens to every file that pydicom ships for its own tests.

`python -m tests.formats` writes it; test_docs_formats.py compares it with the code. It shows two things: whether a file
gets a prediction (most are no MR of a brain and are set aside), and whether its pixels can be decoded, which proves
that the codecs work.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom.data

from ml import readers
from ml.contracts import UnreadableImage
from ml.readers.dicom import header, pixels

DOCUMENT = Path(__file__).parent.parent / "docs" / "formats-pydicom.md"
HEAD = """# The files that pydicom ships

<!-- written by python -m tests.formats -->

Every file of pydicom's own test suite and what happens to it. "Its pixels" says whether all frames can be decoded,
even if the object is set aside. The codes are explained in [formats.md](formats.md).
"""
FILES = Path(pydicom.data.__file__).parent


class Row(NamedTuple):
    """A file, what it is, what the readers make of it, and what comes of its pixels."""

    file: str
    what: str
    result: str
    pixels: str


def files() -> list[Path]:
    """All that are in the installed package; nothing that pydicom would download."""
    folders = (FILES / "charset_files", FILES / "test_files")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def row(path: Path) -> Row:
    data = path.read_bytes()
    return Row(path.relative_to(FILES).as_posix(), *_what(data), _result(data), _pixels(data))


def _result(data: bytes) -> str:
    try:
        opened = readers.open_file(data)
        for index in range(opened.frames):
            assert np.isfinite(opened.image(index).pixels).all()
    except UnreadableImage as error:
        return f"`{error.code}`"
    return "read" if opened.frames == 1 else f"read, {opened.frames} slices"


def _what(data: bytes) -> tuple[str]:
    try:
        if readers.sniff(data) != "DICOM":
            return ("an image",)
        dataset = header.parse(data)
    except UnreadableImage as error:
        return (re.sub(r"^Not an image: this is (.*?)\. .*|^Not an image we.*|^The .*", r"\1", error.message) or "—",)
    uid = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    names = [uid.name.removesuffix(" Storage"), syntax.name.partition(" (")[0] if syntax else "no transfer syntax"]
    return (", ".join(names),)


def _pixels(data: bytes) -> str:
    """Whether every frame can be decoded, also of an object that is set aside."""
    try:
        if readers.sniff(data) != "DICOM":
            return "—"
        dataset = header.parse(data)
    except UnreadableImage:
        return "—"
    if "PixelData" not in dataset:
        return "none"
    try:
        frames = int(dataset.get("NumberOfFrames") or 1)
        for index in range(frames):
            pixels.frame(dataset, index)
    except UnreadableImage as error:
        return f"`{error.code}`"
    except ValueError:
        return "no number of frames"
    return "decoded" if frames == 1 else f"{frames} frames decoded"


def table() -> str:
    """In Markdown. Files of one folder for which all is the same share a row."""
    lines = ["| file | what it is | result | its pixels |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.file} | {one.what} | {one.result} | {one.pixels} |" for one in _shortened(map(row, files()))]
    return "\n".join(lines)


def _shortened(rows: Iterator[Row]) -> Iterator[Row]:
    for (folder, *_), found in groupby(rows, key=lambda one: (one.file.rpartition("/")[0], *one[1:])):
        same = list(found)
        many = f"{folder}/: {len(same)} files from {same[0].file.rpartition('/')[2]}"
        yield same[0]._replace(file=many) if len(same) > 2 else same[0]
        if len(same) == 2:
            yield same[1]


def written() -> str:
    """The whole document."""
    return f"{HEAD}\n{table()}\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written())
