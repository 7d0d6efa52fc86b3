"""Decode one frame with the decoder chosen for its transfer syntax, after checking the size that its stream claims.

A codec allocates memory for the size in its own stream, whatever Rows and Columns say: a few bytes can claim gigabytes,
and some codecs kill the process if they cannot get them. So a stream whose size differs from the file's is not decoded.
Each transfer syntax has exactly one decoder, so that a file gives the same image everywhere. The decoders in this
process survive damaged streams; GDCM does not, and runs in a process of its own (see `decoder_process`).
"""

import re
import struct
from typing import Any, NamedTuple

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from ml.contracts import UnreadableImage
from ml.readers.dicom import decoder_process
from ml.readers.raster import jpeg

_JPEG2000_SIZE = re.compile(rb"\xff\x4f\xff\x51..(..)(.{32})(..)", re.DOTALL)
"""Start of the codestream, then capabilities, eight sizes and component count (ISO/IEC 15444-1, A.5.1)."""
_HTJ2K = "1.2.840.10008.1.2.4.20"
_FRAME_HEADERS = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
"""Markers of frame headers: SOF0 to SOF15, and JPEG-LS's SOF55."""
_LOSSY, _LOSSLESS, _JPEG_LS = frozenset([0xC0, 0xC1, 0xC2]), frozenset([0xC3]), frozenset([0xF7])
"""Those that each decoder reads."""
_END = b"\xff\xd9"
_MAX_FILL = 3
"""Bytes of padding between a JPEG-LS scan and its end marker that are left out. Encoders write one."""
_PRESET = 0xF8
_OVERSIZE = 4
"""The JPEG-LS preset type that overrides the size in the frame header (ISO/IEC 14495-1, C.2.4.1.4)."""


def decode(dataset: Dataset, index: int) -> NDArray[Any]:
    """Frame `index`: (height, width), or (height, width, 3) as RGB.

    Raises whatever pydicom and the decoders raise, which is almost anything, and ValueError for a stream without a size
    or with another size than the file's.
    """
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    if syntax in JPEG2000TransferSyntaxes or syntax.startswith(_HTJ2K):
        _check_size(dataset, _jpeg2000_size(_stream(dataset, index)))
        return pixel_array(dataset, index=index, decoding_plugin="pylibjpeg")
    if syntax in JPEGLSTransferSyntaxes:
        stream = _stream(dataset, index)
        _check_jpeg(dataset, stream, _JPEG_LS)
        return _jpeg_ls(dataset, index, stream)
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        stream = _stream(dataset, index)
        _check_jpeg(dataset, stream, _LOSSLESS)
        return decoder_process.decode(dataset, stream)
    if syntax in JPEGTransferSyntaxes:
        stream = _stream(dataset, index)
        _check_jpeg(dataset, stream, _LOSSY)
        return _jpeg(dataset, index, stream)
    return pixel_array(dataset, index=index, decoding_plugin="pydicom" if syntax == RLELossless else "")


def _jpeg(dataset: Dataset, index: int, stream: bytes) -> NDArray[Any]:
    """Pillow wants the end marker; it is added where it alone is missing."""
    try:
        whole = jpeg.completed(stream)
    except UnreadableImage as error:
        if error.code != "truncated":
            raise
        message = "The DICOM file is cut off: a JPEG in Pixel Data (7FE0,0010) ends before the image does."
        raise UnreadableImage("dicom_truncated", message) from error
    if whole is stream:
        return pixel_array(dataset, index=index, decoding_plugin="pillow")
    return _pixels_of(dataset, whole, "pillow")


def _jpeg_ls(dataset: Dataset, index: int, stream: bytes) -> NDArray[Any]:
    """CharLS wants the end marker right after the last scan. Some encoders pad the scan first, or leave it out."""
    try:
        return pixel_array(dataset, index=index, decoding_plugin="pyjpegls")
    except Exception:
        scan = stream.rstrip(b"\0").removesuffix(_END)
        for fill in range(_MAX_FILL + 1):
            if fill and scan[-fill] not in (0x00, 0xFF):
                break
            try:
                return _pixels_of(dataset, scan[: len(scan) - fill] + _END, "pyjpegls")
            except Exception:  # noqa: S112 - CharLS raises for every ending but the right one
                continue
        raise


def _pixels_of(dataset: Dataset, stream: bytes, plugin: str) -> NDArray[Any]:
    """Decode a stream in place of the dataset's own pixel data."""
    only = Dataset()
    only.file_meta = dataset.file_meta
    for keyword in decoder_process.DESCRIPTION:
        if keyword in dataset:
            only[keyword] = dataset[keyword]
    only.PixelData = encapsulate([stream])
    only["PixelData"].VR = "OB"
    return pixel_array(only, index=0, decoding_plugin=plugin)


def _check_jpeg(dataset: Dataset, stream: bytes, markers: frozenset[int]) -> None:
    """Check what a JPEG stream says of itself.

    Raises ValueError for another size than the file's, UnreadableImage with code `transfer_syntax` for another kind of
    JPEG than the file claims, and for 12 bits with loss.
    """
    header = _jpeg_header(stream)
    _check_size(dataset, (header.width, header.height))
    name = dataset.file_meta.TransferSyntaxUID.name
    if header.marker not in markers:
        raise UnreadableImage(
            "transfer_syntax",
            f"The DICOM file's pixels are not compressed as its transfer syntax, {name}, says (tag (0002,0010)). "
            "Export it uncompressed.",
        )
    if markers is _LOSSY and header.bits != 8:
        raise UnreadableImage(
            "transfer_syntax",
            f"The DICOM file's pixels are a JPEG of {header.bits} bits with loss, a variant of {name} that is not read "
            "(tag (0002,0010)). Export it uncompressed, or as lossless JPEG.",
        )


def _check_size(dataset: Dataset, claimed: tuple[int, int]) -> None:
    if claimed != (int(dataset.Columns), int(dataset.Rows)):
        raise ValueError("the compressed image has another size")


class _JPEGHeader(NamedTuple):
    """A frame header (ITU-T T.81, B.2.2)."""

    marker: int
    bits: int
    width: int
    height: int


def _stream(dataset: Dataset, index: int) -> bytes:
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return get_frame(
        dataset.PixelData,
        index,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
        extended_offsets=None if None in offsets else offsets,
    )


def _jpeg2000_size(stream: bytes) -> tuple[int, int]:
    found = _JPEG2000_SIZE.search(stream)
    if found is None:
        raise ValueError("no size")
    right, lower, left, upper, tile_width, tile_height, _, _ = struct.unpack(">8I", found[2])
    if int.from_bytes(found[3], "big") > 4 or not tile_width or not tile_height:
        raise ValueError("more components than colors")
    return right - left, lower - upper


def _jpeg_header(stream: bytes) -> _JPEGHeader:
    at = 2
    while stream[at : at + 1] == b"\xff":
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _FRAME_HEADERS:
            bits, height, width = struct.unpack(">BHH", stream[at + 4 : at + 9])
            return _JPEGHeader(marker, bits, width, height)
        if length < 2 or (marker == _PRESET and stream[at + 4] == _OVERSIZE):
            break
        at += 2 + length
    raise ValueError("no size")
