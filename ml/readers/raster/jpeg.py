"""JPEG before it is decoded: which variant it is, and whether all of its pixels are there.

Pillow reads the variants of everyday (ITU-T T.81: baseline, extended and progressive Huffman, 8 bits) and cannot tell
the others from damage. It also refuses a file whose only fault is that its last two bytes, the end marker, are gone.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image as Pillow

from ml.contracts import UnreadableImage

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers without a length."""
_FRAMES = frozenset([*range(0xC0, 0xD0), 0xF7]) - {0xC4, 0xC8, 0xCC}
"""Start of frame; the last is JPEG-LS (ITU-T T.87)."""
_READ = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])
"""Baseline, extended and progressive, with Huffman or arithmetic coding."""
_NAMES = {0xC3: "lossless", 0xCB: "lossless with arithmetic coding", 0xF7: "JPEG-LS"}
MAX_SCANS = 100
"""Each goes over the whole image. Encoders write about ten, the most that says something new is some hundred."""
_END = bytes([0xFF, EOI])
_FILLERS = (bytes([0x55] * 64), bytes([0xB2, 0x6C] * 32))


class Segment(NamedTuple):
    """marker: its second byte. start, end: of its contents. scan_end: after the compressed data, for SOS."""

    marker: int
    start: int
    end: int
    scan_end: int


def segments(data: bytes) -> Iterator[Segment]:
    """The segments with contents of the first image, then EOI; without an EOI, as many as there are.

    Raises ValueError for a segment that is cut off.
    """
    at = 2
    while (found := _next_marker(data, at)) is not None:
        marker, at = found
        if marker == EOI:
            yield Segment(marker, at, at, at)
            return
        if marker in _BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2 or at + length > len(data):
            raise ValueError("segment without end")
        start, at = at + 2, at + length
        end = at
        if marker == SOS:
            at = _end_of_scan(data, at)
        yield Segment(marker, start, end, at)


def completed(data: bytes) -> bytes:
    """The file up to its end marker, which is added where it alone is missing. Damage is left for Pillow to find.

    Raises UnreadableImage with code `variant_not_read`, `too_many_scans`, or `truncated` if pixels are missing.
    """
    found: list[Segment] = []
    with contextlib.suppress(ValueError):
        found.extend(segments(data))
    frame = next((one for one in found if one.marker in _FRAMES), None)
    if frame is not None:
        _check_variant(data, frame)
    scans = [one for one in found if one.marker == SOS]
    if len(scans) > MAX_SCANS:
        raise UnreadableImage(
            "too_many_scans",
            f"The JPEG file builds its image in {len(scans):,} passes; at most {MAX_SCANS} are read. Save it again.",
        )
    if frame is None or not scans or found[-1].marker == EOI:
        return data
    end = scans[-1].scan_end
    if not _all_coefficients(data, frame, scans) or not _all_pixels(data[:end]):
        raise _cut_off()
    return data[:end] + _END


def check_end(data: bytes, image: Pillow.Image) -> None:
    """Raise UnreadableImage with code `truncated` if pixels are missing although the file has its end marker.

    image: the decoded file. libjpeg fills what is missing with zero coefficients, which are gray 128, without a word.
    """
    width, height = image.size
    corner = image.crop((max(width - 8, 0), max(height - 8, 0), width, height)).convert("L")
    darkest, brightest = corner.getextrema()
    if (darkest, brightest) != (128, 128):
        return
    end = max((one.scan_end for one in segments(data) if one.marker == SOS), default=len(data))
    if not _all_pixels(data[:end]):
        raise _cut_off()


def _cut_off() -> UnreadableImage:
    return UnreadableImage("truncated", "The JPEG file is cut off: it ends before the image does.")


def _check_variant(data: bytes, frame: Segment) -> None:
    if frame.end - frame.start < 6:
        return
    precision, channels = data[frame.start], data[frame.start + 5]
    if frame.marker not in _READ:
        what = _NAMES.get(frame.marker, "hierarchical")
    elif precision != 8:
        what = f"{precision} bits per sample"
    elif channels not in (1, 3, 4):
        what = f"{channels} color channels"
    else:
        return
    raise UnreadableImage(
        "variant_not_read",
        f"This variant of JPEG is not read: {what}. Save the image as PNG or TIFF, which keep every gray level, or "
        "as a common JPEG with 8 bits.",
    )


def _all_coefficients(data: bytes, frame: Segment, scans: list[Segment]) -> bool:
    """Whether the scans bring every coefficient of every channel down to its last bit (T.81, G.1.1.1)."""
    missing = {(data[at], k) for at in range(frame.start + 6, frame.end - 2, 3) for k in range(64)}
    for scan in scans:
        channels = data[scan.start]
        first, last, approximation = data[scan.end - 3 : scan.end]
        if approximation & 15 == 0:
            names = [data[scan.start + 1 + 2 * number] for number in range(channels)]
            missing -= {(name, k) for name in names for k in range(first, last + 1)}
    return not missing


def _all_pixels(data: bytes) -> bool:
    """Whether a JPEG without end marker has all of its last scan: then other bytes after it change no pixel."""
    return len({_decoded(data + filler + _END) for filler in (b"", *_FILLERS)}) == 1


def _decoded(data: bytes) -> bytes:
    with Pillow.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.tobytes()


def _next_marker(data: bytes, at: int) -> tuple[int, int] | None:
    """The next marker and the offset after it. Stray bytes before it are skipped, as decoders do."""
    at = data.find(b"\xff", at)
    while 0 <= at < len(data) - 1:
        if data[at + 1] not in (0x00, 0xFF):
            return data[at + 1], at + 2
        at = data.find(b"\xff", at + 1)
    return None


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded data ends: at the first marker that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] == 0xFF:
            at += 1
        elif data[at + 1] == 0x00 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        else:
            return at
    return len(data) if at < 0 else at
