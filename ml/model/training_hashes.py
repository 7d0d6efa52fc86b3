"""Was the model trained on this image? Perceptual hashes that survive another format, size or gray scale.

A hash compares an image's low cosine frequencies with their median, as pHash does (Zauner 2010, "Implementation and
benchmarking of perceptual image hash functions"), with 16 × 16 frequencies instead of the usual 8 × 8: at 64 bits all
heads look alike, at 256 they do not. Each image has two hashes: one of the whole image, and one of the head, located by
the center and spread of the gray levels, which does not change when black border is added or cut off. docs/training.md
has the measurements. The ImageHash package computes only the first, and would bring SciPy and PyWavelets into every
process for one cosine transform.
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
"""Change this whenever an image's hash would change."""

FILE = "training_hashes.safetensors"

MAX_DISTANCE = (20, 14)
"""Most bits, of 255, in which two copies may differ: of the whole image, and of the head."""

Part = Literal["train", "val"]

_SIDE = 192  # pixels: every image's longer side is first resized to this, so that a copy's size does not matter
_GRID = 64  # side of the square that is transformed
_FREQUENCIES = 16
_SPREAD = 2.2  # standard deviations on either side of the head's center, a little more than the head
_FAINT, _BRIGHT = 0.08, 0.38  # of the gray range: background below; above, brighter pixels weigh no more


def _cosines() -> NDArray[np.float32]:
    """(16, 64): the first rows of the DCT-II, up to scale."""
    frequency, position = np.mgrid[0:_FREQUENCIES, 0:_GRID]
    return np.asarray(np.cos(np.pi * frequency * (2 * position + 1) / (2 * _GRID)), np.float32)


_COSINES = _cosines()


def fingerprint(image: Image) -> NDArray[np.uint8]:
    """Hashes of the whole image and of the head in it, 255 bits each, as (2, 32) uint8. 1 to 2 ms for 512 × 512."""
    return digest(frames(image))


def frames(image: Image) -> NDArray[np.float32]:
    """What is hashed: the whole image and the head in it, as (2, 64, 64), with the border's gray level at 0."""
    plane = _canonical(image.pixels)
    whole = np.asarray(Pillow.fromarray(plane).resize((_GRID, _GRID), Pillow.Resampling.BILINEAR))
    return np.stack([whole, _head(plane, whole)])


def digest(pair: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The fingerprint (2, 32) of `frames` (2, 64, 64)."""
    return np.stack([_bits(frame) for frame in pair])


@dataclass(frozen=True, slots=True)
class TrainingHashes:
    """Fingerprints of the images that a model was trained and tuned on.

    hashes: (N, 2, 32) uint8. validation: (N,) bool; True for images of the validation split, on which early stopping,
    calibration and threshold were chosen.
    """

    hashes: NDArray[np.uint8]
    validation: NDArray[np.bool_]

    def find(self, image: Image) -> Part | None:
        """The split that holds a copy of this image: "train" before "val", None if neither does."""
        copies = (distances(self.hashes, fingerprint(image)[None])[0] <= MAX_DISTANCE).any(axis=-1)
        if not copies.any():
            return None
        return "val" if self.validation[copies].all() else "train"

    def matches(self, image: Image) -> bool:
        """Whether the model was trained or tuned on a copy of this image."""
        return self.find(image) is not None


def distances(hashes: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Bits, of 255, in which each of `others` (M, 2, 32) differs from each of `hashes` (N, 2, 32), as (M, N, 2)."""
    different = hashes.view(np.uint64) ^ others.view(np.uint64)[:, None]
    return np.asarray(np.bitwise_count(different).sum(axis=-1, dtype=np.int64))


def build(fingerprints: Iterable[NDArray[np.uint8]], parts: Iterable[str]) -> tuple[bytes, dict[str, Any]]:
    """The artifact's file and its manifest entry without the digest: file, bytes, method, count, max_distance.

    fingerprints: (2, 32) each. parts: "train" or "val" for each of them, in the same order.
    Raises ValueError if there are not as many parts as fingerprints.
    """
    hashes = np.array(list(fingerprints), np.uint8).reshape(-1, 2, 32)
    validation = np.array([part == "val" for part in parts], np.uint8)
    if len(hashes) != len(validation):
        raise ValueError(f"{len(hashes)} fingerprints for {len(validation)} images.")
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
    """Read a file that `build` made; the caller has verified its digest. method: the one in the manifest.

    Raises ValueError for another method or unreadable data.
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
    """The image with its longer side at 192 pixels, the border's gray level at 0 and most others within -1 to 1."""
    image = Pillow.fromarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    longest = max(image.size)
    size = (max(1, round(image.width * _SIDE / longest)), max(1, round(image.height * _SIDE / longest)))
    if longest >= 4 * _SIDE:  # reduce large images quickly first
        image = image.reduce(longest // (2 * _SIDE))
    plane = np.asarray(image.convert("F").resize(size, Pillow.Resampling.BILINEAR))
    plane = plane - np.median(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]]))
    differs = np.abs(plane)
    largest = float(differs.max())
    if largest > 0:
        plane = plane / max(float(np.percentile(differs, 99)), largest / 20)
    return np.asarray(plane, np.float32)


def _head(plane: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """The box around the gray levels' center, sized by their spread, as (64, 64); `whole` for a constant image."""
    weight = np.clip(np.abs(plane), _FAINT, _BRIGHT) - np.float32(_FAINT)
    total = float(weight.sum())
    if total <= 0:
        return whole
    x0, x1 = _extent(weight.sum(axis=0) / total)
    y0, y1 = _extent(weight.sum(axis=1) / total)
    height, width = plane.shape
    pad = int(np.ceil(max(0.0, -x0, -y0, x1 - width, y1 - height)))
    padded = Pillow.fromarray(np.pad(plane, pad))
    box = (x0 + pad, y0 + pad, min(x1 + pad, padded.width), min(y1 + pad, padded.height))
    return np.asarray(padded.resize((_GRID, _GRID), Pillow.Resampling.BILINEAR, box=box))


def _extent(profile: NDArray[np.float32]) -> tuple[float, float]:
    """Start and end of the head along one axis, from the weights (n,) of its positions, which sum to 1."""
    position = np.arange(len(profile)) + 0.5
    center = float((profile * position).sum())
    spread = max(float(np.sqrt((profile * (position - center) ** 2).sum())), 1.0)
    return center - _SPREAD * spread, center + _SPREAD * spread


def _bits(grid: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Which low frequencies are above their median, without the mean gray level, as (32,)."""
    low = (_COSINES @ grid @ _COSINES.T).ravel()[1:]
    return np.packbits(low > np.median(low), bitorder="little")
