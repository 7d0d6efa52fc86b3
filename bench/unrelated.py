"""How alike scans of different people with other findings look to the shipped model: a floor for similar past cases.

    .venv/bin/python -m bench.unrelated FOLDER    # of the data table, see docs/data.md

What 1 % of them exceed, rounded up, is `similarity.floor` in the model's manifest.

Takes one validation image of each person, so that no pair shows the same head.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ml import load_model
from ml.inference.analysis import analyze_each

IMAGES = 260
PERCENTILES = (50, 90, 99, 99.9)


def measure(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what was measured and its figure."""
    rows = _one_of_each_person(folder)
    analyses = analyze_each(load_model(engine="auto"), [folder / row["path"] for row in rows])
    judged = [(row, one.embedding) for row, one in zip(rows, analyses, strict=True) if one.embedding is not None]
    findings = np.array([row["label"] + row["type"] for row, _ in judged])
    embeddings = np.stack([embedding / np.linalg.norm(embedding) for _, embedding in judged])
    similarity = embeddings @ embeddings.T
    different = np.triu(findings[:, None] != findings[None, :], 1)
    yield "images, one of each person", str(len(judged))
    yield "pairs with different findings", f"{different.sum():,}"
    for percentile, value in zip(PERCENTILES, np.percentile(similarity[different], PERCENTILES), strict=True):
        yield f"similarity that {100 - percentile:g} % of them exceed", f"{value:.2f}"


def _one_of_each_person(folder: Path) -> list[dict[str, str]]:
    with (folder / "scans-v2.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "val"]
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    people = {(row["source"], row["group"] or row["subject"] or row["path"]): row for row in reversed(shuffled)}
    return list(people.values())[-IMAGES:]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, figure in measure(parser.parse_args().folder):
        print(f"{name}: {figure}")
