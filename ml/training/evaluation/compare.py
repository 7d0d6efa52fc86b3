"""Where the claimed 99% comes from: the prototype's own figures, honest figures of the same network, the baseline, and
this model.

The recipe is trained twice. The first training is judged as the recipe judges itself, on copies split off at random,
and then on the test split, whose patients it never saw. The second leaves out a whole hospital and is judged on it.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.training import metrics
from ml.training.data.dataset import tumor_targets
from ml.training.data.table import Row, brain_rows
from ml.training.evaluation.prototype import RECIPE, Recipe
from ml.training.evaluation.report import POOLED
from ml.training.evaluation.summary import measure, rate
from ml.training.evaluation.tables import figure, line

UNSEEN = "tcga-lgg"
"""The hospital that is left out. Its patients have slices of both labels, so the source alone gives no AUROC."""

COMMAND = "python -m ml compare --data folder --out docs/figures/comparison.json"

Floats = NDArray[np.float32]


class Featurizer(Protocol):
    """Returns pooled features (N, 512) of rows; see `ml.training.evaluation.prototype.Features`."""

    def of(self, rows: list[Row], *, copy: int = 0) -> Floats: ...


class Head(Protocol):
    def scores(self, features: Floats) -> NDArray[np.float64]: ...


Learn = Callable[[Floats, NDArray[np.int64]], Head]


def prototype(rows: list[Row], features: Featurizer, learn: Learn, *, recipe: Recipe = RECIPE) -> dict[str, Any]:
    """JSON-ready figures of the recipe: "reported", "held_out" (by source and sequence), "unseen_hospital", "leak"."""
    pool, test = brain_rows(rows, "train"), brain_rows(rows, "test")
    x, owners = copies(pool, features, recipe)
    held = split_at_random(len(x), recipe)
    truth = tumor_targets(owners)
    head = learn(x[~held], truth[~held])
    held_rows = [row for row, out in zip(owners, held, strict=True) if out]
    away, rest = [row for row in brain_rows(rows) if row.source == UNSEEN], [r for r in pool if r.source != UNSEEN]
    figures: dict[str, Any] = {
        "command": COMMAND,
        "recipe": recipe.as_dict(),
        "pictures": len(pool),
        "reported": _figures(held_rows, head.scores(x[held])),
        "leak": leak(owners, held),
        "held_out": _by_stratum(test, head.scores(features.of(test))),
        "unseen_hospital": None,
    }
    if away and len({row.tumor for row in rest}) == 2:
        x, owners = copies(rest, features, recipe)
        held = split_at_random(len(x), recipe)
        truth = tumor_targets(owners)
        head = learn(x[~held], truth[~held])
        held_rows = [row for row, out in zip(owners, held, strict=True) if out]
        figures["unseen_hospital"] = {
            "source": UNSEEN,
            "reported": _figures(held_rows, head.scores(x[held])),
            **_by_stratum(away, head.scores(features.of(away))),
        }
    return figures


def copies(rows: list[Row], features: Featurizer, recipe: Recipe) -> tuple[Floats, list[Row]]:
    """Features of every row and its augmented copies, and the row of each."""
    parts = [features.of(rows, copy=number) for number in range(recipe.copies + 1)]
    return np.concatenate(parts), rows * (recipe.copies + 1)


def split_at_random(n: int, recipe: Recipe) -> NDArray[np.bool_]:
    """(n,) true for the fraction that the recipe splits off, regardless of groups."""
    order = np.random.default_rng(recipe.seed).permutation(n)
    held = np.zeros(n, bool)
    held[order[: round(n * recipe.held)]] = True
    return held


def leak(owners: list[Row], held: NDArray[np.bool_]) -> dict[str, float]:
    """Fractions of the held-out images with a copy, and with the same patient, among the training images."""
    learned = [row for row, out in zip(owners, held, strict=True) if not out]
    keys, groups = {row.key for row in learned}, {row.group for row in learned}
    tested = [row for row, out in zip(owners, held, strict=True) if out]
    return {
        "same_picture": float(np.mean([row.key in keys for row in tested])),
        "same_group": float(np.mean([row.group in groups for row in tested])),
    }


def table(ours: dict[str, Any] | None, baseline: dict[str, Any], found: dict[str, Any]) -> str:
    """The comparison as a Markdown table. ours: an evaluation of the test split, or None."""
    head = ["what is measured", "on", "accuracy", "sensitivity", "specificity", "AUROC"]
    lines = [line(head), line(["---"] * len(head))]

    def add(what: str, on: str, numbers: dict[str, Any]) -> None:
        cells = [figure(numbers[name]) if name in numbers else "" for name in _NAMES]
        lines.append(line([what, on, *cells]))

    add("prototype, as it reports itself", "copies split off at random", found["reported"])
    held = found["held_out"]
    add("prototype, same network", "test split: patients it never saw", held[POOLED])
    for name, numbers in held.items():
        if name.startswith(UNSEEN):
            add("prototype, same network", f"test split, {name}", numbers)
    if away := found["unseen_hospital"]:
        add(f"prototype without {UNSEEN}, as it reports itself", "copies split off at random", away["reported"])
        for name, numbers in away.items():
            if name.startswith(UNSEEN + "/"):
                add(f"prototype without {UNSEEN}", f"{name}, a hospital it never saw", numbers)
    for label, report in ((f"baseline {baseline['model']}", baseline), ("this model", ours)):
        strata = {**report["sources"], **report.get("sequences", {})} if report else {}
        for name in [POOLED, *(name for name in strata if name.startswith(UNSEEN))]:
            if name in strata:
                on = "test split" if name == POOLED else f"test split, {name}"
                add(label, on, {**strata[name], "accuracy": accuracy(strata[name])})
    return "\n".join(lines)


def accuracy(numbers: dict[str, Any]) -> dict[str, Any]:
    """Accuracy from a summary's confusion matrix, without an interval."""
    (right_none, _), (_, right_tumor) = numbers["confusion"]["true_by_predicted"]
    return {"value": (right_none + right_tumor) / numbers["n"] if numbers["n"] else None, "interval": None}


_NAMES = ("accuracy", "sensitivity", "specificity", "auroc")


def _by_stratum(rows: list[Row], scores: NDArray[np.float64]) -> dict[str, Any]:
    strata: dict[str, NDArray[np.bool_]] = {}
    for name in sorted({row.source for row in rows}):
        strata[name] = np.array([row.source == name for row in rows])
    for source, sequence in sorted({(row.source, row.sequence) for row in rows if row.sequence}):
        here = [row.source == source and row.sequence == sequence for row in rows]
        strata[f"{source}/{sequence}"] = np.array(here)
    strata[POOLED] = np.ones(len(rows), bool)
    return {
        name: _figures([row for row, kept in zip(rows, here, strict=True) if kept], scores[here])
        for name, here in strata.items()
    }


def _figures(rows: list[Row], scores: NDArray[np.float64]) -> dict[str, Any]:
    """Accuracy, sensitivity and specificity at the recipe's threshold of 0.5, and AUROC; intervals by group."""
    truth, called = tumor_targets(rows), (scores >= 0.5).astype(np.int64)
    groups = np.array([row.group for row in rows])
    return {
        "n": len(rows),
        "accuracy": rate(groups, (truth == called).astype(np.float64), "no image"),
        "sensitivity": measure(groups, lambda i: metrics.sensitivity(truth[i], called[i]), "no tumor"),
        "specificity": measure(groups, lambda i: metrics.specificity(truth[i], called[i]), "only tumors"),
        "auroc": measure(groups, lambda i: metrics.auroc(truth[i], scores[i]), "only one class"),
    }
