"""The active filters of the worklist in words."""

from django.db.models import TextChoices

from diagnosis.models.prediction import Outcome, State, TumorType
from diagnosis.models.scan import REVIEW_STATES
from diagnosis.worklist.query import Worklist


def applied(worklist: Worklist, *, in_tab: bool) -> list[dict[str, object]]:
    """Each with the parameter that a click removes. in_tab: leave out those that the current tab sets."""
    form = worklist.filter.form
    form.is_valid()  # what could not be read is left out of cleaned_data
    values = form.cleaned_data
    created = values.get("created")
    texts = {
        "q": f"“{values['q']}”" if values.get("q") else "",
        "case": f"Case {values['case']}" if values.get("case") else "",
        "owner": f"Owner {values['owner']}" if values.get("owner") else "",
        "type": _listed("Type", values.get("type"), dict(TumorType.choices)),
        "trained_on": {True: "Seen in training", False: "Not seen in training"}.get(values.get("trained_on", ""), ""),
        "model": f"Model {values['model']}" if values.get("model") else "",
        "created_after": f"From {created.start:%Y-%m-%d}" if created and created.start else "",
        "created_before": f"Until {created.stop:%Y-%m-%d}" if created and created.stop else "",
    }
    if not in_tab:
        texts |= {
            "state": _listed("State", values.get("state"), _names(State)),
            "outcome": _listed("Outcome", values.get("outcome"), _names(Outcome)),
            "uncertain": {True: "Uncertain", False: "Not uncertain"}.get(values.get("uncertain", ""), ""),
            "reading": _listed("Reading", values.get("reading"), dict(REVIEW_STATES)),
            "assigned": {"me": "Assigned to me", "nobody": "Assigned to nobody"}.get(values.get("assigned", ""), ""),
        }
    return [{"key": key, "words": text} for key, text in texts.items() if text]


def _names(choices: type[TextChoices]) -> dict[str, str]:
    return {str(value): str(label) for value, label in choices.choices}


def _listed(name: str, values: list[str] | None, names: dict[str, str]) -> str:
    return f"{name}: {', '.join(names.get(value, value.capitalize()) for value in values)}" if values else ""
