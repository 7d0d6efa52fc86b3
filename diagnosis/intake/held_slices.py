"""Slices of an upload that wait until all its files have been read, as a series can only be assembled from all of them.

They wait on disk, in a file without a name that is gone with the process, so memory holds only what is known of them.
"""

import tempfile
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from diagnosis.intake.decoded import Decoded
from ml.readers.dicom.slice_facts import SliceFacts

_IN_MEMORY = 4 * 1024 * 1024
"""Bytes that wait in memory; more go to disk."""


@dataclass(frozen=True, slots=True)
class HeldSlice:
    """One slice of a series, without its bytes, for which `HeldSlices` has the spans.

    name: of its file in this upload. number: rises in the order of the upload. reference: the case that was asked
    for or derived from the patient's pseudonym, "" for none. by_patient: it was derived.
    """

    name: str
    number: int
    decoded: Decoded
    reference: str
    by_patient: bool
    sha256: str
    size: int
    spans: tuple[tuple[int, int], ...]

    @property
    def facts(self) -> SliceFacts:
        assert self.decoded.facts is not None
        return self.decoded.facts

    @property
    def pixel_sha256(self) -> str:
        return self.decoded.slices[0].pixel_sha256


class HeldSlices:
    """The held slices of one upload. A context manager: at its end their bytes are gone."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
        self._held: list[HeldSlice] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, decoded: Decoded, *, name: str, reference: str, by_patient: bool) -> None:
        """Hold a decoded slice."""
        [rendered] = decoded.slices
        spans = tuple(self._write(part) for part in (decoded.data, rendered.preview, rendered.thumbnail))
        bare = replace(decoded, data=b"", slices=(replace(rendered, preview=b"", thumbnail=b""),))
        held = HeldSlice(
            name, self.next_number(), bare, reference, by_patient, decoded.sha256, len(decoded.data), spans
        )
        self._held.append(held)

    def next_number(self) -> int:
        """A number for the next scan or slice of the upload, by which its receipt is ordered."""
        self._count += 1
        return self._count

    def groups(self) -> list[list[HeldSlice]]:
        """The slices of each series, size and case, in the order of their first files."""
        found: dict[tuple[object, ...], list[HeldSlice]] = {}
        for one in self._held:
            found.setdefault((one.reference, one.decoded.series, one.facts.size), []).append(one)
        return list(found.values())

    def contents(self, held: HeldSlice) -> tuple[bytes, bytes, bytes]:
        """The de-identified file, the preview and the thumbnail."""
        data, preview, thumbnail = (self._read(*span) for span in held.spans)
        return data, preview, thumbnail

    def _write(self, part: bytes) -> tuple[int, int]:
        at = self._file.seek(0, 2)
        self._file.write(part)
        return at, len(part)

    def _read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)
