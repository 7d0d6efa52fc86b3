"""Was the model made with this picture? Perceptual hashes that survive another format, size or gray scale.

A hash is the signs of a picture's low cosine frequencies against their median, as pHash does it (Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions"), with 16 × 16 frequencies instead of the usual
8 × 8: at 64 bits one head looks like another, at 256 they do not. Each picture has two: one of the whole picture, and
one of the head in it, found by its gray levels' center and spread, which stays put when black border is cut off or
added. docs/training.md has what was measured. The ImageHash package computes the first of the two, but not the second,
and would bring SciPy and PyWavelets into every process for one cosine transform.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save

from ml.contracts import Image

METHOD = "dct256-whole-head-1"
"""Changes whenever a picture's hash would change."""

FILE = "training_hashes.safetensors"

MAX_DISTANCE = (20, 14)
"""Most bits of 255 in which two copies may differ, of the whole picture and of the head."""

Part = Literal["train", "val"]

_SIDE = 192  # pixels of the longer side that everything starts from, so that a copy's size does not matter
_GRID = 64  # of the picture that is transformed
_FREQUENCIES = 16
_SPREAD = 2.2  # standard deviations on either side of the head's center: a little more than the head
_FAINT, _BRIGHT = 0.08, 0.38  # of the gray range: below it is background, above it brighter does not count as more


def _cosines() -> NDArray[np.float32]:
    """(16, 64): the first rows of the DCT-II, up to scale."""
    frequency, place = np.mgrid[0:_FREQUENCIES, 0:_GRID]
    return np.asarray(np.cos(np.pi * frequency * (2 * place + 1) / (2 * _GRID)), np.float32)


_COSINES = _cosines()


def fingerprint(image: Image) -> NDArray[np.uint8]:
    """(2, 32) uint8: 255 bits of the whole picture, 255 of the head in it. Deterministic; 1 to 2 ms for 512 × 512."""
    return digest(frames(image))


def frames(image: Image) -> NDArray[np.float32]:
    """(2, 64, 64): what the hashes are made of, the whole picture and the head in it, 0 at the border's gray level."""
    plane = _canonical(image.pixels)
    whole = np.asarray(Pillow.fromarray(plane).resize((_GRID, _GRID), Pillow.Resampling.BILINEAR))
    return np.stack([whole, _head(plane, whole)])


def digest(both: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(2, 32): the fingerprint of the `frames` (2, 64, 64)."""
    return np.stack([_bits(frame) for frame in both])


@dataclass(frozen=True, slots=True)
class TrainingHashes:
    """The fingerprints of the pictures a model was made with.

    hashes: (N, 2, 32) uint8. validation: (N,) bool, True where the picture was not fitted to, but chose when to stop,
    the calibration and the threshold.
    """

    hashes: NDArray[np.uint8]
    validation: NDArray[np.bool_]

    def find(self, image: Image) -> Part | None:
        """Which part of the data holds a copy of this picture: "train" before "val", None if neither does."""
        same = (distances(self.hashes, fingerprint(image)[None])[0] <= MAX_DISTANCE).any(axis=-1)
        if not same.any():
            return None
        return "val" if self.validation[same].all() else "train"

    def matches(self, image: Image) -> bool:
        """Whether the model was made with a copy of this picture, trained on it or tuned to it."""
        return self.find(image) is not None


def distances(hashes: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(M, N, 2): bits of 255 in which each of `others` (M, 2, 32) differs from each of `hashes` (N, 2, 32)."""
    different = hashes.view(np.uint64) ^ others.view(np.uint64)[:, None]
    return np.asarray(np.bitwise_count(different).sum(axis=-1, dtype=np.int64))


def build(fingerprints: Iterable[NDArray[np.uint8]], parts: Iterable[str]) -> tuple[bytes, dict[str, Any]]:
    """The file of an artifact, and what its manifest says of it less the digest: file, method, count, max_distance.

    fingerprints: (2, 32) each. parts: "train" or "val" for each, in the same order.
    Raises ValueError where they are not equally many.
    """
    hashes = np.array(list(fingerprints), np.uint8).reshape(-1, 2, 32)
    validation = np.array([part == "val" for part in parts], np.uint8)
    if len(hashes) != len(validation):
        raise ValueError(f"{len(hashes)} fingerprints for {len(validation)} pictures.")
    data = save({"hashes": hashes, "validation": validation}, metadata={"method": METHOD})
    count = {"train": int((validation == 0).sum()), "val": int(validation.sum())}
    return data, {
        "file": FILE,
        "bytes": len(data),
        "method": METHOD,
        "count": count,
        "max_distance": list(MAX_DISTANCE),
    }


def load(data: bytes, *, method: str) -> TrainingHashes:
    """What `build` wrote; its digest has been verified by the caller. method: as the manifest names it.

    Raises ValueError: made by another method, or no such file.
    """
    if method != METHOD:
        raise ValueError(f"The training hashes are of method {method}; this version computes {METHOD}.")
    try:
        tensors = load_safetensors(data)
        hashes, validation = tensors["hashes"], tensors["validation"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"The training hashes cannot be read: {error}.") from error
    if hashes.dtype != np.uint8 or hashes.shape != (len(validation), 2, 32):
        raise ValueError(f"The training hashes have a wrong shape: {hashes.shape}.")
    return TrainingHashes(np.ascontiguousarray(hashes), validation.astype(bool))


def _canonical(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """The plane with its longer side at 192 pixels, levels 0 at the border's, most within -1 to 1."""
    picture = Pillow.fromarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    longest = max(picture.size)
    size = (max(1, round(picture.width * _SIDE / longest)), max(1, round(picture.height * _SIDE / longest)))
    if longest >= 4 * _SIDE:  # large ones quickly to twice the size first
        picture = picture.reduce(longest // (2 * _SIDE))
    plane = np.asarray(picture.convert("F").resize(size, Pillow.Resampling.BILINEAR))
    plane = plane - np.median(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]]))
    differs = np.abs(plane)
    largest = float(differs.max())
    if largest > 0:
        plane = plane / max(float(np.percentile(differs, 99)), largest / 20)
    return np.asarray(plane, np.float32)


def _head(plane: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """(64, 64): the box around the gray levels' center, as wide and high as they spread; `whole` if none differ."""
    weight = np.clip(np.abs(plane), _FAINT, _BRIGHT) - np.float32(_FAINT)
    total = float(weight.sum())
    if total <= 0:
        return whole
    x0, x1 = _extent(weight.sum(axis=0) / total)
    y0, y1 = _extent(weight.sum(axis=1) / total)
    height, width = plane.shape
    pad = int(np.ceil(max(0.0, -x0, -y0, x1 - width, y1 - height)))
    picture = Pillow.fromarray(np.pad(plane, pad))
    box = (x0 + pad, y0 + pad, min(x1 + pad, picture.width), min(y1 + pad, picture.height))
    return np.asarray(picture.resize((_GRID, _GRID), Pillow.Resampling.BILINEAR, box=box))


def _extent(profile: NDArray[np.float32]) -> tuple[float, float]:
    place = np.arange(len(profile)) + 0.5
    center = float((profile * place).sum())
    spread = max(float(np.sqrt((profile * (place - center) ** 2).sum())), 1.0)
    return center - _SPREAD * spread, center + _SPREAD * spread


def _bits(grid: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(32,): which of the low frequencies, the mean gray left out, are above their median."""
    low = (_COSINES @ grid @ _COSINES.T).ravel()[1:]
    return np.packbits(low > np.median(low), bitorder="little")
