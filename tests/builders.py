"""Synthetic images for the tests: phantoms that look enough like a slice, and the files that hold them.

No patient's image is in this repository. Everything here is drawn from a seed, so a test can rely on its pixels.
"""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from ml.readers.raster import jpeg

U8 = NDArray[np.uint8]


def phantom(size: int = 256, *, lesion: bool = True, seed: int = 0) -> U8:
    """An axial-slice-like image (size, size), uint8: dark background, bright skull, gray brain.

    The lesion, if any, is a bright disc at 0.62, 0.42 of width and height, radius 0.08 of the side.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64) / size
    radius = np.hypot((x - 0.5) / 0.38, (y - 0.5) / 0.45)
    plane = np.zeros((size, size))
    plane[radius < 1.0] = 190.0  # skull and scalp
    plane[radius < 0.92] = 15.0  # cerebrospinal fluid
    brain = radius < 0.86
    folds = 12 * np.sin(40 * x + 3 * np.sin(25 * y)) + 8 * np.sin(33 * y)
    plane[brain] = (95 + folds)[brain]
    for center in (0.44, 0.56):
        plane[np.hypot((x - center) / 0.035, (y - 0.48) / 0.11) < 1] = 30.0  # ventricles
    if lesion:
        plane[np.hypot(x - 0.62, y - 0.42) < 0.08] = 235.0
    plane += rng.normal(0, 3, plane.shape)
    return np.clip(plane, 0, 255).astype(np.uint8)


def rgb(plane: U8) -> U8:
    """The same gray in three channels, (height, width, 3)."""
    return np.repeat(plane[..., None], 3, axis=2)


def encode(pixels: NDArray[Any], file_format: str = "PNG", *, mode: str | None = None, **options: Any) -> bytes:
    """A file's bytes in this format (PNG, JPEG, GIF, TIFF, WEBP, BMP). mode: convert to this Pillow mode first."""
    image = Pillow.fromarray(pixels)
    if mode is not None:
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_bytes(pixels: NDArray[Any] | None = None, **options: Any) -> bytes:
    """A PNG of `pixels` (uint8 or uint16), by default of a phantom."""
    return encode(phantom() if pixels is None else pixels, "PNG", **options)


def png_text(key: str, value: str) -> PngInfo:
    """A text chunk, for `png_bytes(pnginfo=…)`."""
    info = PngInfo()
    info.add_text(key, value)
    return info


def jpeg_bytes(pixels: NDArray[Any] | None = None, **options: Any) -> bytes:
    """A JPEG of `pixels` (uint8), by default of a phantom."""
    return encode(phantom() if pixels is None else pixels, "JPEG", **options)


def stored(upright: U8, orientation: int) -> U8:
    """`upright` as a file with this EXIF orientation (1 to 8) stores it."""
    turns: dict[int, Callable[[U8], U8]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(turns[orientation](upright))


def exif_jpeg(upright: U8, orientation: int) -> bytes:
    """A JPEG stored turned so that its EXIF orientation (1 to 8) brings `upright` back."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encode(stored(upright, orientation), "JPEG", exif=exif.tobytes(), quality=95)


def gif_bytes(*, frames: int = 1, size: int = 128) -> bytes:
    """A GIF, animated when `frames` is above 1."""
    images = [Pillow.fromarray(phantom(size, seed=n)) for n in range(frames)]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=frames > 1, append_images=images[1:])
    return buffer.getvalue()


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """A small PNG with valid checksums whose header claims `width` x `height` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def polyglot(kind: str = "GIF") -> bytes:
    """A decodable GIF or JPEG that also holds a script, as an upload attack would carry."""
    script = b"<script>alert(document.cookie)</script>"
    if kind == "GIF":
        return gif_bytes() + script
    data = jpeg_bytes()
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script + data[2:]


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
TEXT = b"This is a plain text file that was renamed to scan.png.\n"


def damaged(data: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    """`data` with bytes changed, given as place and value, and so many cut off its end."""
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed[: len(changed) - cut])


def dicom_dataset(pixels: np.ndarray, **tags: Any) -> Dataset:
    """An MR image of `pixels` (height, width), (frames, height, width) or (height, width, 3), with `tags`."""
    dataset = Dataset()
    dataset.SOPClassUID = tags.pop("SOPClassUID", MRImageStorage)
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyInstanceUID, dataset.Modality = generate_uid(), "MR"
    color = pixels.shape[-1] == 3
    photometric = tags.pop("PhotometricInterpretation", "RGB" if color else "MONOCHROME2")
    stored = pixels if pixels.dtype.itemsize < 4 else pixels.astype(np.uint16)
    dataset.set_pixel_data(stored, photometric, 8 * stored.dtype.itemsize, generate_instance_uid=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the standard forbids; files in the wild have them
        for name, value in tags.items():
            setattr(dataset, name, value)
    return dataset


def dicom_file(dataset: Dataset, *, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The dataset as a file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if UID(syntax).is_compressed else UID(syntax)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    file = FileDataset("", dataset, file_meta=meta, preamble=b"\0" * 128)
    if UID(syntax).is_compressed and not UID(syntax).is_deflated:
        file.compress(syntax, generate_instance_uid=False)
    elif UID(syntax).is_deflated:
        meta.TransferSyntaxUID = UID(syntax)
    elif syntax == ExplicitVRBigEndian:
        file.PixelData = np.frombuffer(file.PixelData, f"<u{file.BitsAllocated // 8}").byteswap().tobytes()
        file.set_original_encoding(False, False)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicom_bytes(pixels: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> bytes:
    """A DICOM file of `pixels`; see `dicom_dataset`."""
    return dicom_file(dicom_dataset(pixels, **tags), syntax=syntax)


_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "MRImageFrameTypeSequence": ("FrameType", "ComplexImageComponent"),
    "MREchoSequence": ("EffectiveEchoTime",),
    "MRTimingAndRelatedParametersSequence": ("FlipAngle", "RepetitionTime"),
    "MRDiffusionSequence": ("DiffusionBValue",),
    "FrameContentSequence": (
        *("StackID", "InStackPositionNumber", "TemporalPositionIndex", "DimensionIndexValues"),
        *("FrameAcquisitionNumber", "FrameAcquisitionDateTime"),
    ),
}
"""Functional group of each attribute of a frame."""


def enhanced_bytes(planes: np.ndarray, frames: list[dict[str, Any]], **tags: Any) -> bytes:
    """An enhanced MR object of `planes` (frames, height, width), with the attributes of each frame."""
    items = []
    for attributes in frames:
        item = Dataset()
        for sequence, names in _GROUPS.items():
            if given := {name: attributes[name] for name in names if name in attributes}:
                group = Dataset()
                for name, value in given.items():
                    setattr(group, name, value)
                setattr(item, sequence, [group])
        items.append(item)
    tags = {"SOPClassUID": EnhancedMRImageStorage, "ImageType": ["ORIGINAL", "PRIMARY", "M", "NONE"]} | tags
    return dicom_bytes(planes, PerFrameFunctionalGroupsSequence=items, **tags)


def dicom_series(
    count: int,
    *,
    size: int = 96,
    thickness: float = 5.0,
    planes: list[NDArray[Any]] | None = None,
    numbered_from: int = 1,
    **tags: Any,
) -> list[bytes]:
    """The files of an axial series from the feet upwards, `thickness` mm apart, each with an image of its own. Their
    Instance Numbers fall to `numbered_from`."""
    common = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid(), "PatientID": "4711", **tags}
    return [
        dicom_bytes(
            phantom(size, seed=number) if planes is None else planes[number],
            ImagePositionPatient=[-size / 2, -size / 2, thickness * number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
            SeriesNumber=5,
            InstanceNumber=count - number + numbered_from - 1,
            **common,
        )
        for number in range(count)
    ]


def zipped(files: dict[str, bytes]) -> bytes:
    """A ZIP archive of files by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def nifti(voxels: NDArray[Any], affine: NDArray[Any] | None) -> Any:
    """A NIfTI-1 image; nibabel gives its class no types."""
    return nib.Nifti1Image(voxels, affine)  # type: ignore[no-untyped-call]


def nifti_bytes(
    frames: int = 8, *, size: int = 96, thickness: float = 5.0, lowest: float = 0.0, blank: bool = False
) -> bytes:
    """A NIfTI-1 volume of axial phantoms, or of nothing. lowest: mm, where the first slice lies."""
    planes = np.stack([phantom(size, seed=number).T[:, ::-1] for number in range(frames)], axis=2)
    planes = np.zeros_like(planes) if blank else planes
    affine = np.diag([1.0, 1.0, thickness, 1.0])
    affine[2, 3] = lowest
    return bytes(nifti(planes, affine).to_bytes())


def jpeg_with_scans(count: int, *, size: int = 64) -> bytes:
    """A progressive JPEG that repeats its last scan until it has `count`; each goes over the whole image."""
    data = jpeg_bytes(phantom(size), progressive=True)
    scans = [one for one in jpeg.segments(data) if one.marker == jpeg.SOS]
    last = data[scans[-1].start - 4 : scans[-1].scan_end]
    return data[: scans[-1].scan_end] + last * (count - len(scans)) + data[scans[-1].scan_end :]
