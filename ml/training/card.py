"""The model card (Mitchell et al. 2019) of an artifact, written from its manifest and from nothing else."""

import textwrap
from typing import Any

from ml.registry import Manifest
from ml.training.report import POOLED
from ml.training.tables import confusion, markdown

WIDTH = 120
_SPLITS = (("train", "training"), ("val", "validation"), ("test", "test"))


def card(manifest: Manifest) -> str:
    """Markdown text of the card."""
    data = manifest.data
    parts = [
        _title(manifest),
        _use(data),
        _how(data),
        _origin(data["training"]),
        _figures(data),
        _limits(data),
        _again(data["training"]),
    ]
    return "\n\n".join(_wrapped(block) for part in parts for block in part.split("\n\n")) + "\n"


def _wrapped(block: str) -> str:
    """A paragraph or list at the repository's line length; tables, headings, pictures and code stay as they are."""
    if block.startswith(("|", "#", "!", "    ")):
        return block
    if block.startswith("- "):
        return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in block.splitlines())
    return textwrap.fill(block, WIDTH, break_on_hyphens=False)


def _title(manifest: Manifest) -> str:
    data = manifest.data
    size = data["weights"]["bytes"] / 1e6
    return f"""# Model card: {manifest.name}

This page is generated from the artifact's manifest by `python -m ml card --out docs/model-card.md`; a test holds
the two together.

| | |
| --- | --- |
| model | `{manifest.label}`, version {data["version"]}, {data["created"]} |
| weights | {data["weights"]["file"]}, {data["weights"]["dtype"]}, {size:.1f} MB, sha256 `{data["weights"]["sha256"]}` |
| preprocessing | {data["preprocessing"]} |
| operating point | tumor from a model score of {manifest.threshold:.4f} upwards, chosen on the validation split |
| calibration | {"yes" if manifest.calibrated else "none: the score is shown as model score, not as a probability"} |"""


def _use(data: dict[str, Any]) -> str:
    return f"""## What it is for

{data["intended_use"]}

**The score is not a diagnosis.** It says how much a slice resembles the tumor slices that the model was trained with.
Whether there is a tumor is decided by a person who reads the whole study."""


def _how(data: dict[str, Any]) -> str:
    shape = data["architecture"]
    width, height = data["input"]["size"]
    return f"""## How it works

{shape["base"]}; {shape["pooling"]} pooling; one hidden layer of {shape["hidden"]} units; a softmax over tumor / no
tumor and a second one over {", ".join(data["types"])}, read as the type given that there is a tumor. The
input is one slice, cropped to the head, stretched in intensity and resized to {width} × {height}, gray in all three
channels."""


def _origin(training: dict[str, Any]) -> str:
    lines = [
        "## What it was trained on",
        "",
        "| source | what | published by | license, as published | " + " | ".join(n for _, n in _SPLITS) + " |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, source in training["sources"].items():
        numbers = [_count(training["counts"].get(split, {}).get(name, {})) for split, _ in _SPLITS]
        row = [name, source["what"], source["citation"], source["license"], *numbers]
        lines.append("| " + " | ".join(row) + " |")
    groups = ", ".join(f"{training['groups'][split]} in {name}" for split, name in _SPLITS)
    base = training["base"]
    lines += [
        "",
        "Counts are pictures with tumor / without. The convolutions: "
        f"{base['what']} ({base['citation']}; {base['license']}).",
        "",
        "Slices of one patient, and copies of one picture in a web collection, look almost the same. A split that",
        "ignores this puts such twins into training and test and reports memory as skill. Here every patient, and",
        "every cluster of near-duplicates, stands in one split only",
        f"({groups}), and the trainer refuses a table where one does not.",
        "Augmentation (rotation, flip, zoom, shift, intensity) is applied after the split, to training pictures only.",
    ]
    return "\n".join(lines)


def _figures(data: dict[str, Any]) -> str:
    test = data["metrics"]["test"]
    head = "## What was measured"
    if test is None:
        return f"{head}\n\nNothing yet: the artifact has not been evaluated on a test split."
    pooled = test["sources"][POOLED]
    alone = [
        f"- {name}: no AUROC, {numbers['auroc']['reason']}."
        for name, numbers in test["sources"].items()
        if numbers["auroc"]["value"] is None
    ]
    error = pooled["reliability"]["expected_calibration_error"]
    parts = [
        head,
        "On the test split, which took no part in training or in the choice of the operating point, through the same "
        "code that serves. In brackets: 95% bootstrap intervals, resampled by group. The last column is the accuracy "
        "of the tumor type on pictures whose type is known.",
        markdown(test),
        "\n".join(alone),
        "Read the lines of the single sources, not the pooled one. Where a source holds one class only, recognizing "
        "the source is as good as recognizing the tumor, and the pooled figures reward it. " + _hardest(test),
        "Confusion matrix, all sources:",
        confusion(pooled["confusion"]),
        "Tumor type, all pictures with a known type:",
        confusion(pooled["type"]["confusion"]),
        f"Expected calibration error of the score, ten bins, all sources: {error:.3f}.",
        "![ROC](figures/roc.png) ![Reliability](figures/reliability.png)",
        "On the validation split, which chose the stopping epoch and the operating point:",
        markdown(data["metrics"]["validation"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _hardest(test: dict[str, Any]) -> str:
    """Point at the source with the lowest AUROC among those that have both classes."""
    both = {
        name: numbers["auroc"]["value"]
        for name, numbers in test["sources"].items()
        if name != POOLED and numbers["auroc"]["value"] is not None
    }
    if not both:
        return ""
    name = min(both, key=lambda source: both[source])
    return f"The lowest AUROC of a source with both classes is {both[name]:.2f} ({name})."


def _limits(data: dict[str, Any]) -> str:
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in data["limits"])


def _again(training: dict[str, Any]) -> str:
    epochs = training["epochs"]
    return f"""## Make it again

    {training["command"]}

Seed {training["seed"]}, {training["settings"]["rounds"]} augmented copies of each training picture, epoch \
{epochs["taken"]} of {epochs["run"]} taken by early stopping.
See [training](training.md)."""


def _count(labels: dict[str, int]) -> str:
    return f"{labels.get('tumor', 0)} / {labels.get('no_tumor', 0)}"
