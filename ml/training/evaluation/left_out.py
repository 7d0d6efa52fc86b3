"""The honest forecast for a new hospital: models that were trained without a source, each judged on it."""

from collections.abc import Sequence
from typing import Any

from ml.contracts import BrainscanError
from ml.inference.registry import Manifest
from ml.training.evaluation import tables

COMMAND = "python -m ml left-out artifact … --out docs/figures/left-out.json"


def collect(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """The test figures of each model on the source that it was trained without, JSON-ready.

    Raises BrainscanError: a model was trained on all sources or has no test figures, or two left out the same source.
    """
    sources: dict[str, Any] = {}
    for manifest in manifests:
        source, test = manifest.data["training"].get("without"), manifest.data["metrics"]["test"]
        if not source or test is None:
            raise BrainscanError("nothing_left_out", f"{manifest.label} has no figures on a source left out.")
        if source in sources:
            raise BrainscanError("left_out_twice", f"Two artifacts were trained without {source!r}.")
        figures = {source: test["sources"][source], **test["sequences"]}
        sources[source] = {"copies": manifest.data["training"]["copies"], "figures": figures}
    return {"command": COMMAND, "sources": dict(sorted(sources.items()))}


def table(found: dict[str, Any]) -> str:
    """A line for each source left out, and for each of its sequences."""
    return tables.strata({name: one for left in found["sources"].values() for name, one in left["figures"].items()})
