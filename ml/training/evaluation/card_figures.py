"""The measured part of the model card: figures, calibration, operating point, gate, comparison, failures."""

from typing import Any

from ml.training.evaluation import card_series, changes, compare, left_out, tables
from ml.training.evaluation.documents import Documents
from ml.training.evaluation.report import POOLED
from ml.training.evaluation.tables import figure, line, percent

NOTHING = "Nothing yet: the artifact has not been evaluated on a test split."


def sections(data: dict[str, Any], documents: Documents) -> list[str]:
    """The sections of the card, each with its heading."""
    test = data["metrics"]["test"]
    measured = [_figures(test, data["metrics"]["validation"]), _evidence(test)] if test else []
    return [
        *(measured or [f"## What was measured\n\n{NOTHING}"]),
        _calibration(data["operating_point"].get("calibration"), test),
        _operating_point(data["operating_point"], test),
        _gate(data["gate"], test),
        *card_series.section(data),
        *_left_out(documents),
        *_changes(test, documents),
        _comparison(test, documents),
        *([_error_analysis(test["worst"])] if test else []),
    ]


def _figures(test: dict[str, Any], validation: dict[str, Any] | None) -> str:
    pooled = test["sources"][POOLED]
    parts = [
        "## What was measured",
        "On the test split, which had no part in training, calibration or the choice of the operating point, through "
        "the same code that serves. In parentheses: 95% bootstrap intervals that resample groups. `type`: accuracy of "
        "the tumor type, if known. `on the tumor`: how often the hottest point lies in the table's box or mask.",
        tables.markdown(test),
        "\n".join(_alone(test)),
        *_strata(_by_plane(test), test.get("planes"), of="plane"),
        *_strata("By height in the head, axial slices of whole series:", test.get("heights"), of="height"),
        "Read the single sources, not the pooled line. If a source has one class only, recognizing the source is as "
        "good as recognizing the tumor, and the pooled figures reward it. " + _hardest(test),
        "By tumor type, if known:",
        tables.types(test) if test["types"] else "",
        "Confusion matrix, all sources:",
        tables.confusion(pooled["confusion"]),
        "Tumor type, all images of known type:",
        tables.confusion(pooled["type"]["confusion"]),
        "![ROC](figures/roc.png) ![Reliability](figures/reliability.png)",
        *_without_copies(test.get("without_copies")),
    ]
    if validation:
        parts += ["On the validation split, which chose calibration and operating point:", tables.markdown(validation)]
    return "\n\n".join(part for part in parts if part)


def _by_plane(test: dict[str, Any]) -> str:
    known, all_ = sum(one["tumor"] for one in test.get("planes", {}).values()), test["sources"][POOLED]["tumor"]
    return f"By plane, where the table names it, as for {known} of {all_} images with a tumor:"


def _strata(title: str, found: dict[str, Any] | None, *, of: str) -> list[str]:
    return [title, tables.strata(found, of=of)] if found else []


def _without_copies(rest: dict[str, Any] | None) -> list[str]:
    if not rest or not rest["copies"]:
        return []
    return [
        f"By the artifact's own hashes, {rest['copies']} of these test images are copies of a training or validation "
        "image: resized, sharpened or squashed, so that the table's groups miss them (`python -m ml audit` lists "
        "them). Without them:",
        tables.markdown(rest),
    ]


def _alone(test: dict[str, Any]) -> list[str]:
    return [
        f"- {name}: no AUROC, {numbers['auroc']['reason']}."
        for name, numbers in test["sources"].items()
        if numbers["auroc"]["value"] is None
    ]


def _hardest(test: dict[str, Any]) -> str:
    """A sentence about the stratum with the lowest AUROC among those with both classes."""
    strata = {**test["sources"], **test["sequences"]}
    both = {
        name: numbers["auroc"]["value"]
        for name, numbers in strata.items()
        if name != POOLED and numbers["auroc"]["value"] is not None
    }
    if not both:
        return ""
    name = min(both, key=lambda stratum: both[stratum])
    return f"The lowest AUROC of a source or sequence with both classes is {both[name]:.3f} ({name})."


def _evidence(test: dict[str, Any]) -> str:
    found = test["sources"][POOLED]["evidence"]
    if found["in_box_or_mask"]["value"] is None:
        return "## Where the evidence lies\n\nNot measured: the table does not say where the tumors are."
    text = (
        f"The hottest point lies in the box or mask of the tumor in {figure(found['in_box_or_mask'])} of "
        f"{found['in_box_or_mask']['n']} tumor slices, whether or not they were called tumor."
    )
    if found["in_mask"]["value"] is not None:
        text += (
            f" In the outlined mask itself, which is stricter: {figure(found['in_mask'])} of {found['in_mask']['n']}."
        )
    text += (
        f" The model's box overlaps the tumor's box by {figure(found['box_overlap'])} (intersection over union, 0 if "
        "it draws none); it is a pointer, not an outline."
    )
    return f"## Where the evidence lies\n\n{text}"


def _calibration(fitted: dict[str, Any] | None, test: dict[str, Any] | None) -> str:
    parts = ["## How honest the probabilities are"]
    if fitted:
        head = ["validation split", "expected calibration error", "of equal mass", "Brier score", "log loss"]
        rows = [line(head), line(["---"] * len(head))]
        left = fitted.get("leave_one_source_out") or {"all": None, "sources": {}}
        for numbers, label in (
            (fitted["before"], "the network's own score"),
            (fitted["after"], "calibrated"),
            (fitted["cross_validated"], "calibrated, each patient by a fit without it"),
            (left["all"], "calibrated, each source by a fit without it"),
        ):
            if numbers:
                keys = ("expected_calibration_error", "equal_mass_error", "brier", "log_loss")
                rows.append(line([label, *(f"{numbers[key]:.3f}" for key in keys)]))
        parts += [f"{fitted['method']}.", "\n".join(rows)]
        if left["sources"]:
            errors = ", ".join(
                f"{name} {one['expected_calibration_error']:.3f}" for name, one in left["sources"].items() if one
            )
            parts.append(
                f"The error of each source by a fit without it: {errors}. It includes the source's own proportion of "
                "tumors, which no fit to other sources can know. Only the curve was fitted without the source; the "
                "network had learned from it."
            )
    if test:
        pooled = test["sources"][POOLED]
        parts.append(
            f"On the test split the expected calibration error (15 bins of equal width) is "
            f"{figure(pooled['calibration_error'])}, over bins of equal mass {figure(pooled['equal_mass_error'])}; the "
            f"Brier score is {figure(pooled['brier'])}. Intervals of calibration errors lean upwards, as every "
            "resample adds noise. The table above has those of single sources."
        )
    return "\n\n".join(parts)


def _operating_point(facts: dict[str, Any], test: dict[str, Any] | None) -> str:
    parts = ["## The operating point, and what it costs"]
    if not facts:
        return f"{parts[0]}\n\nThere is no record of how the threshold was chosen."
    at = facts["validation"]
    parts.append(
        f"Rule: {facts['rule']}. Target sensitivity: {facts['sensitivity_target']:.2f}. It costs, on validation: "
        f"sensitivity {at['sensitivity']:.3f}, specificity {at['specificity']:.3f}"
        f" (sources weighed: {at['weighted_sensitivity']:.3f} and {at['weighted_specificity']:.3f})."
    )
    if test:
        pooled = test["sources"][POOLED]
        parts.append(
            f"On the test split: sensitivity {figure(pooled['sensitivity'])}, "
            f"specificity {figure(pooled['specificity'])}."
        )
    rows = [line(["target sensitivity", "threshold", "sensitivity", "specificity"]), line(["---"] * 4)]
    for other in facts["alternatives"]:
        numbers = [other["sensitivity_target"], other["threshold"], other["sensitivity"], other["specificity"]]
        rows.append(line([f"{numbers[0]:.2f}", f"{numbers[1]:.4f}", f"{numbers[2]:.3f}", f"{numbers[3]:.3f}"]))
    unsure = facts["uncertain"]
    parts += [
        "Other targets on validation, sources weighed, at the highest threshold that keeps them:",
        "\n".join(rows),
    ]
    text = (
        f"Uncertain is a result where {unsure['rule']}: {percent(unsure['share'])} of the validation split, wrong in "
        f"{percent(unsure['wrong_inside'])} of cases, against {percent(unsure['wrong_outside'])} outside the band."
    )
    if test and (seen := test["sources"][POOLED]["uncertain"]):
        text += (
            f" On the test split: {percent(seen['share'])}, wrong in {percent(seen['wrong_inside'])}, against "
            f"{percent(seen['wrong_outside'])} outside."
        )
    return "\n\n".join([*parts, text])


def _gate(facts: dict[str, Any], test: dict[str, Any] | None) -> str:
    parts = ["## What it refuses"]
    if facts:
        kept, turned = facts["leave_one_kind_out_all"], facts["wrongly_refused_all"]
        parts.append(
            "Images that are no MRI slice of a brain are refused with a reason. The gate is judged on classes that it "
            "never saw: each class was left out of a gate's training in turn. Refused, all classes: "
            f"{_fraction(kept)}; "
            f"brain slices of the validation split wrongly refused: {_fraction(turned)}."
        )
        rows = [line(["left out", "refused"]), line(["---"] * 2)]
        rows += [line([name, _fraction(item)]) for name, item in facts["leave_one_kind_out"].items()]
        rows += [line([f"{name} (synthetic)", _fraction(item)]) for name, item in facts["leave_one_family_out"].items()]
        parts.append("\n".join(rows))
        rows = [line(["brains of", "wrongly refused", "by a gate without this source"]), line(["---"] * 3)]
        away = facts["leave_one_source_out_wrongly_refused"]
        for name in sorted({*facts["wrongly_refused"], *away}):
            shipped = facts["wrongly_refused"].get(name)
            rows.append(line([name, _fraction(shipped), _fraction(away.get(name))]))
        parts.append("\n".join(rows))
    else:
        parts.append("Nothing is recorded of the gate.")
    if test:
        pooled = test["sources"][POOLED]["refusals"]
        reasons = ", ".join(f"{code} {n}" for code, n in pooled["reasons"].items()) or "none"
        parts.append(f"Brain slices of the test split refused: {figure(pooled['share'])} ({reasons}).")
        if others := test["not_brain"]:
            kinds = ", ".join(
                f"{name} {round(one['refused']['value'] * one['n'])} of {one['n']}"
                for name, one in others.items()
                if name != POOLED
            )
            parts.append(f"Other images of the test split refused: {figure(others[POOLED]['refused'])} ({kinds}).")
    return "\n\n".join(parts)


def _fraction(item: dict[str, Any] | None) -> str:
    if item is None or item["share"] is None:
        return "–"
    return f"{item['share']:.3f} of {item['pictures']}"


def _left_out(documents: Documents) -> list[str]:
    """The forecast for a new hospital, if `docs/figures` has one."""
    found = documents.left_out
    if found is None:
        return []
    return [
        "## What a new hospital may expect",
        "Models trained without a source and judged on its images, each at a threshold from the validation images of "
        f"the others. {found['schedule']} Made by `{found['command']}`.",
        left_out.table(found),
    ]


def _changes(test: dict[str, Any] | None, documents: Documents) -> list[str]:
    """What changed against another model, if `docs/figures` compares this very one with it."""
    found = documents.changes
    if test is None or found is None or found["after"] != test["model"]:
        return []
    return [
        f"## What changed against {found['before'].partition('@')[0]}",
        f"On the test images that both judged, each model at its own threshold: before → now. Made by "
        f"`{found['command']}`.",
        changes.table(found),
    ]


def _comparison(test: dict[str, Any] | None, documents: Documents) -> str:
    head = "## Where 99% comes from"
    found = documents.comparison
    if found is None:
        return f"{head}\n\nNot measured yet: `{compare.COMMAND}`."
    leak = found["leak"]
    return "\n\n".join(
        [
            head,
            "The usual demos freeze VGG16, put one dense layer on its averaged features, augment every image, and "
            "then split the copies at random. Rebuilt on the training images of this table, that protocol reports "
            f"an accuracy of {figure(found['reported']['accuracy'])}. Of the images it tests itself with, "
            f"{percent(leak['same_picture'])} have a copy among those it learned from, and "
            f"{percent(leak['same_group'])} a slice of the same patient or cluster. Below, the same network is judged "
            "on patients, and on a hospital, that it never saw.",
            compare.table(test, documents.baseline, found),
            f"The prototype's thresholds are 0.5, as in the demos. Prototype and baseline had a table of "
            f"{found['pictures']:,} training images and its test split. Made by `{found['command']}`.",
        ]
    )


_ERROR_LISTS = (
    ("missed", "Tumors it missed, the most confident errors first"),
    ("false_alarms", "False alarms, the most confident first"),
    ("mistyped", "Tumors it found, with the wrong type"),
    ("misplaced", "Tumors it found, with the hottest point elsewhere"),
)


def _error_analysis(worst: dict[str, list[dict[str, Any]]]) -> str:
    parts = [
        "## Its worst errors",
        "On the test split, each patient or cluster once. Positions are those of the image (upper left is the "
        "image's), sizes are fractions of its area.",
    ]
    for error, title in _ERROR_LISTS:
        examples = worst[error]
        parts.append(f"{title}:" if examples else f"{title}: none.")
        if examples:
            parts.append("\n".join(f"- {_described(error, entry)}" for entry in examples))
    return "\n\n".join(parts)


def _described(error: str, entry: dict[str, Any]) -> str:
    what = " ".join(filter(None, (entry["source"], entry["sequence"], entry["type"])))
    parts = [what]
    if tumor := entry["tumor"]:
        parts.append(f"tumor in the {tumor['where']}, {tumor['from']} over {tumor['share']:.1%} of the image")
    parts.append(f"probability {entry['probability']:.3f}{', called uncertain' if entry['uncertain'] else ''}")
    if error == "mistyped":
        parts.append(f"called {entry['said_type']} with {entry['type_probability']:.2f}")
    if entry["hottest"]:
        parts.append(f"hottest point {entry['hottest']}")
    return "; ".join(parts) + "."
