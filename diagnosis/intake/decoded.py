"""A decoded file, ready to be stored. It holds no pixels, only what pages and duplicate checks need of them."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from diagnosis.models.scan import combined_digest
from ml.contracts import UnreadableImage
from ml.readers.dicom.slice_facts import SliceFacts


@dataclass(frozen=True, slots=True)
class RenderedSlice:
    """One slice as it is stored beside its file.

    preview, thumbnail: PNG bytes. width, height: pixels, as stored in the file. ratio: width by height as shown.
    frame: index within the file.
    """

    pixel_sha256: str
    preview: bytes
    thumbnail: bytes
    width: int
    height: int
    ratio: float
    notes: tuple[str, ...]
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is stored of a file: one scan, or one slice of a scan whose slices come in files of their own.

    data: the de-identified file. slices: in viewing order, at least one.
    facts: of a slice whose neighbors come in files of their own; None for a scan of its own.
    problem: why its slices may not be judged, None if they may.
    series, instance: UIDs as this site maps them. patient: a pseudonym, "" if unknown. spacing: mm between slices.
    letters: at the left, right, upper and lower edge. windows: center and width of each.
    deidentified: what was kept and dropped, as the scan's row and `deid_report` show it.
    has_text: the images seem to contain text, or the file says so. text_at: the frame in which it was found, if any.
    """

    name: str
    data: bytes
    format: str
    slices: tuple[RenderedSlice, ...]
    notes: tuple[str, ...] = ()
    facts: SliceFacts | None = None
    problem: UnreadableImage | None = None
    series: str = ""
    instance: str = ""
    patient: str = ""
    spacing: float | None = None
    letters: str = ""
    windows: tuple[tuple[float, float], ...] = ()
    deidentified: dict[str, Any] = field(default_factory=dict)
    has_text: bool = False
    text_at: int | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pixel_sha256(self) -> str:
        """The digest by which duplicates are found.

        A single image has its own, several have a combined one.
        """
        if len(self.slices) == 1:
            return self.slices[0].pixel_sha256
        return combined_digest("", [one.pixel_sha256 for one in self.slices])

    @property
    def shown_for_text(self) -> RenderedSlice:
        """The slice to look at if there may be text: the one in which it was found, else the middle one."""
        middle = self.slices[len(self.slices) // 2]
        return next((one for one in self.slices if one.frame == self.text_at), middle)
