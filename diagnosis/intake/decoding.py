"""From an uploaded file's bytes to what may be stored: decoded, judged, rendered, and without its patient.

A file that cannot be decoded is refused here, with the rule it broke. One that can be decoded but not judged (blank,
too small) is stored, and the pipeline refuses it with its reason.
"""

import hashlib
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from diagnosis.deid import dicom as clean_dicom
from diagnosis.deid import raster as clean_raster
from diagnosis.intake import previews
from diagnosis.intake.file_names import clean_name
from diagnosis.intake.receipt import Upload
from diagnosis.models.scan import combined_digest, gathering
from ml import readers
from ml.contracts import Image, UnreadableImage
from ml.readers import archives, burned_in_text, dicom, sniffing
from ml.readers.dicom import description, series
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.header import attributes

MEGABYTE = 1024 * 1024

RASTER = "Kept: the picture and its orientation"
NIFTI = "Kept: voxels, axes and scaling; free text and extensions dropped"

_decoding = threading.Semaphore(1)
"""One file is decoded at a time in a process: a decoded picture may take a hundred megabytes, a volume more."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A file before it is read. size: bytes of memory that it takes then. read: its bytes, once, before the next file
    is asked for; or why there are none."""

    name: str
    size: int
    read: Callable[[], bytes | UnreadableImage]


@dataclass(frozen=True, slots=True)
class Picture:
    """One slice as it is kept beside its file."""

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
    """What is stored of a file, as one scan or as a slice of one. Its pixels are let go.

    data: the bytes to store. pictures: in viewing order, at least one. gathers: which slices of a series it belongs to,
    "" for a scan of its own; place: where it lies then. series, instance: UIDs as this site maps them. patient: a
    pseudonym, "" unknown. lettered: the pictures seem to carry text, or the file says that they do.
    """

    name: str
    data: bytes
    format: str
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...] = ()
    gathers: str = ""
    series: str = ""
    instance: str = ""
    patient: str = ""
    place: SlicePosition | None = None
    spacing: float | None = None
    letters: str = ""
    windows: tuple[tuple[float, float], ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    lettered: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pixel_sha256(self) -> str:
        """Of a picture alone its own digest, of several that of theirs; of a slice that gathers, with what it gathers
        in: the same pixels alone are another scan."""
        if len(self.pictures) == 1 and not self.gathers:
            return self.pictures[0].pixel_sha256
        whole = gathering(self.series, self.gathers, self.place.upward_normal) if self.place else ""
        return combined_digest(whole, [one.pixel_sha256 for one in self.pictures])


def unpack(upload: Upload) -> Generator[Packed, None, None]:
    """The files of an upload: itself, or those of the archive that it is, none of them read yet.

    Raises UnreadableImage where an archive cannot be taken further apart, as reading one of its files may.
    """
    name, size = clean_name(upload.name), upload.size or 0
    if size > settings.MAX_ARCHIVE_MB * MEGABYTE:
        yield _refused(name, too_large(settings.MAX_ARCHIVE_MB))
        return
    head = upload.read(archives.HEAD)
    upload.seek(0)
    if not archives.is_archive(head):
        yield _within_limit(Packed(name, size, upload.read), head)
        return
    for member in archives.members(upload):
        yield _within_limit(Packed(clean_name(member.name), member.size, member.read), member.head)


def _within_limit(file: Packed, head: bytes) -> Packed:
    """The file, or why its bytes are too many for a picture; then none of them is read. head: the first of them."""
    if file.size > settings.MAX_UPLOAD_MB * MEGABYTE and not sniffing.may_hold_many(head):
        return _refused(file.name, too_large(settings.MAX_UPLOAD_MB))
    return file


def _refused(name: str, error: UnreadableImage) -> Packed:
    return Packed(name, 0, lambda: error)


def too_large(limit: int) -> UnreadableImage:
    """limit: megabytes."""
    return UnreadableImage("too_large", f"The file is larger than {limit} MB, the most that is accepted.")


def decode(name: str, data: bytes) -> list[Decoded]:
    """What a file holds: one scan, or several where a multi-frame object has stacks of unlike direction.

    Raises UnreadableImage.
    """
    with _decoding:
        kind = sniffing.sniff(data)
        if kind == sniffing.DICOM:
            return _from_dicom(name, data)
        if kind in (sniffing.NIFTI, sniffing.NIFTI_GZ):
            return [_from_nifti(name, data, zipped=kind == sniffing.NIFTI_GZ)]
        return [_from_raster(name, data)]


def _from_raster(name: str, data: bytes) -> Decoded:
    image = readers.read(data)
    picture, lettered = _picture(image), _lettered(image)
    kind, orientation = image.format, image.orientation
    del image  # the pixels, before those of the cleaned file are read to be compared
    cleaned = clean_raster.clean(data, kind=kind, orientation=orientation, pixel_sha256=picture.pixel_sha256)
    kept = {"method": RASTER, "dropped": list(cleaned.dropped)}
    return Decoded(name, cleaned.data, cleaned.format, (picture,), kept=kept, lettered=lettered)


def _from_nifti(name: str, data: bytes, *, zipped: bool) -> Decoded:
    # Few sites have volumes, and nibabel takes the web process tens of megabytes.
    from diagnosis.deid import nifti as clean_nifti
    from ml.readers import nifti

    opened = nifti.open_file(nifti.inflate(data) if zipped else data, max_pixels=readers.MAX_PIXELS)
    pictures, lettered = [], False
    for index in range(opened.frames):
        image = opened.image(index)
        lettered = lettered or (index in _some(opened.frames) and _lettered(image))
        pictures.append(_picture(image, frame=index))
    return Decoded(
        name,
        clean_nifti.clean(opened.volume),
        opened.format,
        tuple(pictures),
        notes=opened.notes,
        spacing=opened.thickness,
        letters="".join(opened.orientation_letters),
        kept={"method": NIFTI},
        lettered=lettered,
    )


def _from_dicom(name: str, data: bytes) -> list[Decoded]:
    opened = dicom.open_file(data, max_pixels=readers.MAX_PIXELS)
    place = opened.positions[0]
    pictures, lettered = [], dicom.burned_in(opened.dataset)
    watched = range(opened.frames) if dicom.captured(opened.dataset) else _some(opened.frames)
    for index in range(opened.frames):
        image = opened.image(index)
        lettered = lettered or (index in watched and _lettered(image))
        pictures.append(_picture(image, frame=index))
    cleaned = clean_dicom.clean(opened.dataset, secret=settings.DEID_SECRET)
    known = attributes(cleaned.data)  # what is told of the scan is told from what was kept
    common = Decoded(
        description.title(known, place),
        cleaned.data,
        "DICOM",
        tuple(pictures),
        series=cleaned.series,
        instance=cleaned.instance,
        patient=cleaned.patient,
        windows=description.windows(known),
        kept={"method": clean_dicom.METHOD, "kept": list(cleaned.kept), "dropped": cleaned.dropped},
        lettered=lettered,
    )
    if opened.frames == 1 and place is not None and cleaned.series:
        return [
            replace(
                common, gathers=description.stack_key(known), place=place, letters="".join(place.orientation_letters)
            )
        ]
    return [
        replace(
            common,
            pictures=tuple(pictures[one.frame] for one in stack.slices),
            notes=stack.notes,
            spacing=stack.spacing,
            letters="".join(stack.orientation_letters or ()),
        )
        for stack in series.stacks([opened])
    ]


def _some(frames: int) -> tuple[int, ...]:
    """Slices in which lettering is looked for, where a scanner made them: stations that burn in text do so in all. Each
    look may be wrong, and hundreds of them would stop many a clean series."""
    return 0, frames // 2, frames - 1


def _lettered(image: Image) -> bool:
    return burned_in_text.find_text(image) is not None


def _ratio(image: Image) -> float:
    return float(image.pixels.shape[1] / image.pixels.shape[0])


def _picture(image: Image, *, frame: int = 0) -> Picture:
    preview, thumbnail = previews.render(image)
    return Picture(
        image.pixel_sha256(), preview, thumbnail, image.width, image.height, _ratio(image), image.notes, frame
    )
