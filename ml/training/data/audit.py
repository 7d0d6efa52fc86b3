"""Finds what is in more than one split: files, pixels, near-duplicate images, groups, patients; and conflicting labels.

A copy of a test image among the training images turns a test into a memory check; that is how public sets reach 99%.
Copies are seldom identical files: they are recompressed, resized, squashed, brightened, sharpened. Two images count as
near-duplicates if their hashes (`ml.model.training_hashes`) match, or if the hashes are close and the two heads
correlate at 64 × 64 pixels. Thousands of images take a minute, most of it reading.
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
from ml.training.data.table import NOT_BRAIN, SPLITS, Row

MIN_CORRELATION = 0.985
"""Of two heads that count as the same. No pair among 6.4 million pairs of different patients reaches it."""

_LOOSE = 64
"""Heads are compared only if one of the hashes differs in no more than these bits of 255: a quarter."""

_BLOCK = 128  # images compared with all others at a time: about 50 MB for 6,000 images

PROBLEMS = {
    "unreadable": "files that cannot be read",
    "file": "equal files in two splits",
    "pixels": "equal pixels in two splits",
    "near": "near-duplicate images in two splits",
    "group": "groups in two splits",
    "subject": "subjects in two splits",
    "label": "equal pixels with two labels",
}
"""Problems of a table, worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. rows: the images by key, each with its split. value: what they share or differ in.

    For near-duplicates, value says whether the hashes match ("hash") or only the heads ("heads"), and correlation is
    that of the two heads. A squashed or sharpened copy may match by hash while its head correlates less. left_out: the
    image that training does not use for this reason, see `near_duplicates.drop_near_duplicates`; "" if it uses all.
    """

    problem: str
    rows: tuple[tuple[str, str], ...]
    value: str = ""
    correlation: float | None = None
    left_out: str = ""

    def as_dict(self) -> dict[str, Any]:
        rows = [{"path": key, "split": split} for key, split in self.rows]
        measured = {"value": self.value, "correlation": self.correlation}
        return {"kind": self.problem, "rows": rows, **measured, "left_out": self.left_out or None}

    def __str__(self) -> str:
        rows = " = ".join(f"{key} ({split})" for key, split in self.rows)
        measured = "" if self.correlation is None else f"{self.correlation:.4f}"
        return "  ".join(filter(None, (self.value, measured, rows)))


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image that was read. head: (4096,) float32, mean 0 and length 1, so that a dot product is a correlation."""

    row: Row
    file: str
    pixels: str
    fingerprint: NDArray[np.uint8]
    head: NDArray[np.float32]


def audit(rows: list[Row], *, min_correlation: float = MIN_CORRELATION) -> list[Finding]:
    """All problems of the table, in the order of PROBLEMS. Each pair is listed once, under its worst problem."""
    with ThreadPoolExecutor(2) as pool:  # hashing and decoding release Python's global lock
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


def left_out(found: list[Finding]) -> dict[str, list[str]]:
    """Images that training leaves out because of `found`, by split, each once."""
    split = {key: split for finding in found for key, split in finding.rows}
    keys = sorted({finding.left_out for finding in found if finding.left_out})
    return {name: [key for key in keys if split[key] == name] for name in SPLITS[:-1]}


def stays(found: list[Finding]) -> list[Finding]:
    """The findings in what training uses."""
    gone = {finding.left_out for finding in found if finding.left_out}
    whole = ("unreadable", "group", "subject")  # such a finding names examples, and may have more rows
    return [one for one in found if one.problem in whole or gone.isdisjoint(key for key, _ in one.rows)]


def summary(rows: list[Row], found: list[Finding], *, min_correlation: float) -> dict[str, Any]:
    """JSON-ready report: number of images, the criterion, counts by problem, what training leaves out, and every
    finding."""
    counts = {problem: sum(finding.problem == problem for finding in found) for problem in PROBLEMS}
    splits = sorted({row.split for row in rows})
    return {
        "pictures": {split: sum(row.split == split for row in rows) for split in splits},
        "min_correlation": min_correlation,
        "clean": not found,
        "counts": counts,
        "left_out": left_out(found),
        "stays": len(stays(found)),
        "findings": [finding.as_dict() for finding in found],
    }


def report(rows: list[Row], found: list[Finding], *, min_correlation: float) -> str:
    """The same as text: one line for each finding, under a line for each problem."""
    lines = [
        f"{len(rows)} images; near-duplicates: the hashes match, or the heads correlate by {min_correlation} or more."
    ]
    for problem, what in PROBLEMS.items():
        listed = [finding for finding in found if finding.problem == problem]
        if listed:
            lines += ["", f"{what[0].upper()}{what[1:]}: {len(listed)}", *(f"  {finding}" for finding in listed)]
    out = left_out(found)
    if any(out.values()):
        numbers = " and ".join(f"{len(keys)} images of {split}" for split, keys in out.items() if keys)
        lines += ["", f"Training leaves out {numbers}: copies of images of a later split."]
        lines += [f"Findings in what it uses: {len(stays(found))}."]
    return "\n".join(lines if found else [*lines, "Nothing is in two splits."])


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


def _copy(problem: str, one: Row, other: Row, **measured: Any) -> Finding:
    """A pair that training recognizes by its hashes: it uses the brain image of the later split alone."""
    earlier = min(one, other, key=lambda row: SPLITS.index(row.split))
    gone = "" if NOT_BRAIN in (one.label, other.label) else earlier.key
    return _pair(problem, one, other, left_out=gone, **measured)


def _equal_pairs(images: Iterable[ReadImage], attribute: str) -> Iterator[tuple[Row, Row]]:
    """Pairs of rows whose digest `attribute` is equal, in the table's order."""
    together: dict[str, list[Row]] = {}
    for item in images:
        together.setdefault(getattr(item, attribute), []).append(item.row)
    for rows in together.values():
        yield from combinations(rows, 2)


def _copies(images: list[ReadImage], problem: str) -> Iterator[Finding]:
    return (_copy(problem, one, other) for one, other in _equal_pairs(images, problem) if one.split != other.split)


def _label_clashes(images: list[ReadImage]) -> Iterator[Finding]:
    """Equal pixels with two labels, or with two known tumor types, in whatever splits."""
    for one, other in _equal_pairs(images, "pixels"):
        if one.label != other.label:
            yield _pair("label", one, other, value=f"{one.label} / {other.label}")
        elif one.type and other.type and one.type != other.type:
            yield _pair("label", one, other, value=f"{one.type} / {other.type}")


def _near_duplicates(images: list[ReadImage], min_correlation: float) -> Iterator[Finding]:
    """Pairs in two splits whose hashes match, or whose hashes are close and whose heads correlate."""
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
                measured = round(correlation, 4)
                if match[i, j]:
                    yield _copy("near", one.row, other.row, value="hash", correlation=measured)
                else:
                    yield _pair("near", one.row, other.row, value="heads", correlation=measured)


def _in_two_splits(rows: list[Row], column: str) -> Iterator[Finding]:
    """Groups or subjects in more than one split, with the first image of each split."""
    first: dict[str, dict[str, Row]] = {}
    for row in rows:
        if name := getattr(row, column):
            first.setdefault(name, {}).setdefault(row.split, row)
    for name, splits in first.items():
        if len(splits) > 1:
            yield Finding(column, tuple((row.key, split) for split, row in splits.items()), name)
