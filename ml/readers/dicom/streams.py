"""One frame of pixel data, by the decoder that is trusted with it, after a look at what its stream claims.

A codec takes memory for the size that its own stream claims, whatever Rows and Columns say: a few bytes can ask for
gigabytes, and some codecs end the whole process when they do not get them. So a stream that claims another size than
the file is not decoded. Of several decoders for a syntax only one is used, so that the same file gives the same picture
everywhere; those in this process have withstood damaged streams, GDCM has not (see `apart`).
"""

import re
import struct
from typing import Any

from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
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

from ml.readers.dicom import decoder_process

_JPEG2000_SIZE = re.compile(rb"\xff\x4f\xff\x51..(..)(.{32})(..)", re.DOTALL)
"""Start of codestream and image and tile size (ISO/IEC 15444-1, A.5.1): capabilities, eight sizes, components."""
_HTJ2K = "1.2.840.10008.1.2.4.20"
_FRAMES = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header, SOF0 to SOF15 and JPEG-LS's SOF55."""
_PRESET = 0xF8
_OVERSIZE = 4
"""The JPEG-LS preset that gives sizes beyond those of the frame header (ISO/IEC 14495-1, C.2.4.1.4)."""


def decode(dataset: Dataset, index: int) -> NDArray[Any]:
    """Frame `index`: (height, width), or (height, width, 3) as RGB.

    Raises almost anything: what pydicom and the decoders raise, and ValueError for a stream that claims another size
    than the file, or none.
    """
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    if syntax in JPEG2000TransferSyntaxes or syntax.startswith(_HTJ2K):
        _check_size(dataset, _jpeg2000(_stream(dataset, index)))
        return pixel_array(dataset, index=index, decoding_plugin="pylibjpeg")
    if syntax in JPEGLSTransferSyntaxes:
        _check_size(dataset, _jpeg(_stream(dataset, index)))
        return pixel_array(dataset, index=index, decoding_plugin="pyjpegls")
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        stream = _stream(dataset, index)
        _check_size(dataset, _jpeg(stream))
        return decoder_process.decode(dataset, stream)
    if syntax in JPEGTransferSyntaxes:
        _check_size(dataset, _jpeg(_stream(dataset, index)))
        return pixel_array(dataset, index=index, decoding_plugin="pillow")
    return pixel_array(dataset, index=index, decoding_plugin="pydicom" if syntax == RLELossless else "")


def _check_size(dataset: Dataset, claimed: tuple[int, int]) -> None:
    if claimed != (int(dataset.Columns), int(dataset.Rows)):
        raise ValueError("the compressed picture has another size")


def _stream(dataset: Dataset, index: int) -> bytes:
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return get_frame(
        dataset.PixelData,
        index,
        number_of_frames=int(dataset.get("NumberOfFrames") or 1),
        extended_offsets=None if None in offsets else offsets,
    )


def _jpeg2000(stream: bytes) -> tuple[int, int]:
    found = _JPEG2000_SIZE.search(stream)
    if found is None:
        raise ValueError("no size")
    right, lower, left, upper, tile_width, tile_height, _, _ = struct.unpack(">8I", found[2])
    if int.from_bytes(found[3], "big") > 4 or not tile_width or not tile_height:
        raise ValueError("more components than colors")
    return right - left, lower - upper


def _jpeg(stream: bytes) -> tuple[int, int]:
    at = 2
    while stream[at : at + 1] == b"\xff":
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", stream[at + 5 : at + 9])
            return width, height
        if length < 2 or (marker == _PRESET and stream[at + 4] == _OVERSIZE):
            break
        at += 2 + length
    raise ValueError("no size")
