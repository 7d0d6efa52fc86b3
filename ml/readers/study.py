"""The scans in a file or an archive, put together as a site does with an upload.

A file of one image or one volume is one scan; the frames of a DICOM object and the slices of an archive make as many
stacks as `ml.readers.dicom.series` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from ml import readers
from ml.contracts import Image, UnreadableImage
from ml.readers import Slices, archives
from ml.readers.dicom.series import Stack
from ml.readers.dicom.slice_facts import SliceFacts
from ml.readers.sniffing import DICOM, sniff
from ml.readers.values import GrayValues


@dataclass(frozen=True, slots=True)
class Scan:
    """Slices in viewing order. name: for people. notes: on gaps, and on what was left out. problem: why its slices may
    not be judged, None if they may."""

    name: str
    slices: Slices
    notes: tuple[str, ...] = ()
    problem: UnreadableImage | None = None


@dataclass(slots=True)
class Study:
    """rejected: name of each file of an archive that is not read, and why."""

    scans: list[Scan] = field(default_factory=list)
    rejected: list[tuple[str, UnreadableImage]] = field(default_factory=list)


class _Files:
    """Opens files, and keeps the last one open: the frames of a file are read one after another."""

    def __init__(self) -> None:
        self._last: tuple[Path, Slices] | None = None

    def open(self, path: Path) -> Slices:
        if self._last is None or self._last[0] != path:
            self._last = path, readers.open_file(path)
        return self._last[1]


@dataclass(frozen=True, slots=True)
class _FileSlices:
    """Frames of files, each opened when it is asked for. sources: path and frame of each slice."""

    sources: tuple[tuple[Path, int], ...]
    files: _Files = field(default_factory=_Files)

    @property
    def frames(self) -> int:
        return len(self.sources)

    def image(self, index: int) -> Image:
        path, frame = self.sources[index]
        return self.files.open(path).image(frame)

    def values(self, index: int) -> GrayValues:
        path, frame = self.sources[index]
        return self.files.open(path).values(frame)


@dataclass(frozen=True, slots=True)
class _SingleSlice:
    """A DICOM file with one slice of a series."""

    path: Path
    facts: SliceFacts
    series: str
    title: str


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that `open_study` reads. Raises OSError."""
    with path.open("rb") as file:
        return archives.is_archive(file.read(archives.HEAD))


def open_study(path: Path, *, folder: Path) -> Study:
    """The scans in a file. folder: where the files of an archive are unpacked to; it must stay while they are read.

    Raises UnreadableImage if the file cannot be read, or if an archive cannot be unpacked.
    """
    study = Study()
    if not is_archive(path):
        _add(path, path.name, study)
        return study
    single: list[_SingleSlice] = []
    with path.open("rb") as file:
        for number, member in enumerate(archives.members(file)):
            name, content = PurePosixPath(member.name).name, member.read()
            try:
                if isinstance(content, UnreadableImage):
                    raise content
                unpacked = folder / str(number)
                unpacked.write_bytes(content)
                if found := _add(unpacked, name, study, alone=False):
                    single.append(found)
            except UnreadableImage as error:
                study.rejected.append((name, error))
    _add_series(single, study)
    return study


def _add(path: Path, name: str, study: Study, *, alone: bool = True) -> _SingleSlice | None:
    """Add the scans of a file, or return it if it is one slice of a series whose others may follow."""
    data = path.read_bytes()
    if sniff(data) != DICOM:
        opened = readers.open_file(data)
        notes = getattr(opened, "notes", ())
        study.scans.append(Scan(name, _FileSlices(tuple((path, frame) for frame in range(opened.frames))), notes))
        return None
    from ml.readers import dicom
    from ml.readers.dicom import description, series, slice_facts

    file = dicom.open_file(data, max_pixels=readers.MAX_PIXELS)
    facts = slice_facts.read(file.dataset, file.frames)
    title = description.title(file.dataset, facts[0].position)
    if not alone and file.frames == 1 and file.series and facts[0].position is not None:
        return _SingleSlice(path, facts[0], file.series, title)
    for stack in series.of_frames(facts, pixels=lambda index: file.image(index).pixel_sha256()):
        own = description.title(file.dataset, facts[stack.slices[0]].position)
        study.scans.append(_scan(own, stack, [(path, frame) for frame in range(file.frames)]))
    return None


def _add_series(single: Sequence[_SingleSlice], study: Study) -> None:
    from ml.readers.dicom import series

    groups: dict[tuple[str, tuple[int, int]], list[_SingleSlice]] = {}
    for one in single:
        groups.setdefault((one.series, one.facts.size), []).append(one)
    for files in groups.values():
        found = series.assemble([one.facts for one in files], pixels=partial(_digest, files))
        for stack in found.stacks:
            study.scans.append(_scan(files[min(stack.slices)].title, stack, [(one.path, 0) for one in files]))


def _digest(files: Sequence[_SingleSlice], index: int) -> str:
    return readers.open_file(files[index].path).image(0).pixel_sha256()


def _scan(name: str, stack: Stack, sources: Sequence[tuple[Path, int]]) -> Scan:
    """sources: of all slices that were assembled."""
    return Scan(name, _FileSlices(tuple(sources[index] for index in stack.slices)), stack.notes, stack.problem)
