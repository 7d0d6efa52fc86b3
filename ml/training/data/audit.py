"""Does anything stand in two splits? Files, pixels, near-duplicate pictures, groups, patients; and labels that clash.

A copy of a test picture among the training pictures turns a test into a memory check: that is how public sets reach
99%. Copies are seldom bytes: they are recompressed, resized, squashed, brightened, sharpened. Two pictures are taken
for one if their hashes (`ml.model.training_hashes`) match, or if the hashes are anywhere near and the two heads
correlate at 64 × 64 pixels. All in NumPy: thousands of pictures take a minute, nearly all of it reading.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import readers
from ml.contracts import UnreadableImage
from ml.model import training_hashes
from ml.training.data.table import Row

MIN_CORRELATION = 0.985
"""Of two heads that are taken for one. Of 6.4 million pairs of different patients, none reaches it."""

_LOOSE = 64
"""Most bits of 255, of either hash, in which pictures may differ for their heads to be compared: a quarter."""

_BLOCK = 128  # pictures compared with all others at a time: some 50 MB at 6,000 pictures

PROBLEMS = {
    "unreadable": "files that cannot be read",
    "file": "equal files in two splits",
    "pixels": "equal pixels in two splits",
    "near": "near-duplicate pictures in two splits",
    "group": "groups in two splits",
    "subject": "subjects in two splits",
    "label": "equal pixels with two labels",
}
"""What can be wrong with a table, worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. rows: the pictures by key, each with its split. value: what they share or differ in.

    Near-duplicates: value says whether the hashes match ("hash") or only the heads ("heads"); correlation is that of
    the two heads. A squashed or sharpened copy may match by hash while its head correlates less.
    """

    problem: str
    rows: tuple[tuple[str, str], ...]
    value: str = ""
    correlation: float | None = None

    def as_dict(self) -> dict[str, Any]:
        rows = [{"path": key, "split": split} for key, split in self.rows]
        return {"kind": self.problem, "rows": rows, "value": self.value, "correlation": self.correlation}

    def __str__(self) -> str:
        rows = " = ".join(f"{key} ({split})" for key, split in self.rows)
        measured = "" if self.correlation is None else f"{self.correlation:.4f}"
        return "  ".join(filter(None, (self.value, measured, rows)))


@dataclass(frozen=True, slots=True)
class ReadImage:
    """One picture, read. head: (4096,) float32, mean 0 and length 1, so that a dot product is a correlation."""

    row: Row
    file: str
    pixels: str
    fingerprint: NDArray[np.uint8]
    head: NDArray[np.float32]


def audit(rows: list[Row], *, min_correlation: float = MIN_CORRELATION) -> list[Finding]:
    """All that is wrong with the table, by kind as in KINDS. Each pair is named once, as the strongest kind it is."""
    with ThreadPoolExecutor(2) as pool:  # hashing and decoding let go of Python's lock
        read = list(pool.map(_read_image, rows))
    found = [item for item in read if isinstance(item, Finding)]
    images = [item for item in read if isinstance(item, ReadImage)]
    reported: set[tuple[str, ...]] = set()
    for finding in [*_copies(images, "file"), *_copies(images, "pixels"), *_near_duplicates(images, min_correlation)]:
        pair = tuple(key for key, _ in finding.rows)
        if pair not in reported:
            reported.add(pair)
            found.append(finding)
    found += [*_in_two_splits(rows, "group"), *_in_two_splits(rows, "subject"), *_label_clashes(images)]
    return sorted(found, key=lambda finding: list(PROBLEMS).index(finding.problem))


def summary(rows: list[Row], found: list[Finding], *, min_correlation: float) -> dict[str, Any]:
    """JSON-ready report: how many pictures, what was asked, counts by kind, and every finding."""
    counts = {problem: sum(finding.problem == problem for finding in found) for problem in PROBLEMS}
    splits = sorted({row.split for row in rows})
    return {
        "pictures": {split: sum(row.split == split for row in rows) for split in splits},
        "min_correlation": min_correlation,
        "clean": not found,
        "counts": counts,
        "findings": [finding.as_dict() for finding in found],
    }


def report(rows: list[Row], found: list[Finding], *, min_correlation: float) -> str:
    """The same for people: one line for each finding, under a line for each kind."""
    lines = [
        f"{len(rows)} pictures; near-duplicate: the hashes match, or the heads correlate by {min_correlation} or more."
    ]
    for problem, what in PROBLEMS.items():
        listed = [finding for finding in found if finding.problem == problem]
        if listed:
            lines += ["", f"{what[0].upper()}{what[1:]}: {len(listed)}", *(f"  {finding}" for finding in listed)]
    return "\n".join(lines if found else [*lines, "Nothing stands in two splits."])


def _read_image(row: Row) -> ReadImage | Finding:
    try:
        data = row.path.read_bytes()
        image = readers.read(data)
    except (OSError, UnreadableImage) as error:
        return Finding("unreadable", ((row.key, row.split),), str(error))
    both = training_hashes.frames(image)
    head = (both[1] - both[1].mean()).ravel()
    length = float(np.linalg.norm(head))
    return ReadImage(
        row=row,
        file=hashlib.sha256(data).hexdigest(),
        pixels=replace(image, orientation=1, color_fraction=0.0).pixel_sha256(),
        fingerprint=training_hashes.digest(both),
        head=head / length if length > 0 else head,
    )


def _pair(problem: str, one: Row, other: Row, **measured: Any) -> Finding:
    return Finding(problem, ((one.key, one.split), (other.key, other.split)), **measured)


def _equal_pairs(images: Iterable[ReadImage], attribute: str) -> Iterator[tuple[Row, Row]]:
    """Pairs of rows, in the table's order, of which the digest `attribute` is equal."""
    together: dict[str, list[Row]] = {}
    for item in images:
        together.setdefault(getattr(item, attribute), []).append(item.row)
    for rows in together.values():
        yield from combinations(rows, 2)


def _copies(images: list[ReadImage], problem: str) -> Iterator[Finding]:
    return (_pair(problem, one, other) for one, other in _equal_pairs(images, problem) if one.split != other.split)


def _label_clashes(images: list[ReadImage]) -> Iterator[Finding]:
    """Equal pixels with two labels, or two tumor types where both are known, whatever splits they stand in."""
    for one, other in _equal_pairs(images, "pixels"):
        if one.label != other.label:
            yield _pair("label", one, other, value=f"{one.label} / {other.label}")
        elif one.type and other.type and one.type != other.type:
            yield _pair("label", one, other, value=f"{one.type} / {other.type}")


def _near_duplicates(images: list[ReadImage], min_correlation: float) -> Iterator[Finding]:
    """Pairs in two splits whose hashes match, or are close while the heads correlate."""
    if not images:
        return
    prints = np.stack([item.fingerprint for item in images])
    splits = np.array([item.row.split for item in images])
    for start in range(0, len(images), _BLOCK):
        block = slice(start, start + _BLOCK)
        bits = training_hashes.distances(prints, prints[block])
        match = np.asarray((bits <= training_hashes.MAX_DISTANCE).any(axis=-1))
        candidates = (match | (bits <= _LOOSE).any(axis=-1)) & (splits[block, None] != splits)
        for i, j in zip(*np.nonzero(candidates), strict=True):
            one, other = images[start + int(i)], images[int(j)]
            correlation = float(one.head @ other.head)
            if start + i < j and (match[i, j] or correlation >= min_correlation):
                by = "hash" if match[i, j] else "heads"
                yield _pair("near", one.row, other.row, value=by, correlation=round(correlation, 4))


def _in_two_splits(rows: list[Row], column: str) -> Iterator[Finding]:
    """Groups or subjects in more than one split: the first picture of each split is named."""
    first: dict[str, dict[str, Row]] = {}
    for row in rows:
        if name := getattr(row, column):
            first.setdefault(name, {}).setdefault(row.split, row)
    for name, splits in first.items():
        if len(splits) > 1:
            yield Finding(column, tuple((row.key, split) for split, row in splits.items()), name)
