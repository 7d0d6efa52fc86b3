"""Template tags and filters of the pages: icons, predictions in words, times, query strings."""

from datetime import datetime
from urllib.parse import urlencode

from django import template
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from diagnosis.access.pagination import COUNT_LIMIT
from diagnosis.access.permissions import may_change, may_run
from diagnosis.access.users import User
from diagnosis.models import Case, Prediction, Scan
from diagnosis.models.scan import REVIEW_STATES
from diagnosis.presentation import evidence, labels, sentences
from diagnosis.presentation.missing import SENTENCES
from ml.percent import percent

register = template.Library()

register.filter("status_label", labels.status_label)
register.filter("score", labels.score)
register.filter("percent", percent)
register.filter("plain_score", labels.plain_score)
register.filter("per_hundred", labels.per_hundred)
register.filter("calibrated", labels.is_calibrated)
register.filter("uncertain_band", labels.uncertain_band)
register.filter("meaning", sentences.meaning)
register.filter("series_text", sentences.series)
register.filter("where", sentences.where)
register.filter("threshold", labels.threshold)
register.filter("evidence", evidence.of_prediction)


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """An icon of the sprite, hidden from screen readers: the word beside it carries the meaning."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        classes,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def trained_on() -> tuple[str, str]:
    """What is said of a result on a scan that the model was trained on: the fact, and what it means."""
    return sentences.TRAINED_ON


@register.simple_tag
def missing(what: str) -> str:
    """The sentence for an `image`, for `images` of a list, or for the `map`, that cannot be shown."""
    return SENTENCES[what]


@register.filter
def can_be_changed_by(case: Case, user: User | AnonymousUser) -> bool:
    return may_change(user, case)


@register.filter
def can_be_run_by(prediction: Prediction, user: User | AnonymousUser) -> bool:
    return may_run(user, prediction)


@register.filter
def reading(prediction: Prediction) -> str:
    """The review state of a row; without `with_review_state`, that of its scan."""
    return str(getattr(prediction, "review_state", prediction.scan.reading))


@register.filter
def reading_label(prediction: Prediction) -> str:
    return str(dict(REVIEW_STATES).get(reading(prediction), ""))


@register.filter
def edges(scan: Scan) -> list[tuple[str, str]]:
    """The letters at an image's edges (L, R, A, P, H, F), each with its edge; empty if the file has no orientation."""
    return list(zip(scan.letters, ("left", "right", "top", "bottom"), strict=False))


@register.filter
def bar(fraction: float | None) -> str:
    """A fraction (0 to 1) in whole percents, for the classes of percent.css: the policy forbids styles in pages."""
    return f"{min(max(fraction or 0.0, 0.0), 1.0) * 100:.0f}"


@register.filter
def seconds(value: float | None) -> str:
    """A duration in seconds, short enough for a table: `4 s`, `2 min`."""
    if value is None:
        return ""
    if value < 1:
        return "1 s"
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.0f} min"


@register.filter
def milliseconds(value: float | None) -> str:
    """A duration in milliseconds: `12 ms`, `1.24 s`."""
    if value is None:
        return ""
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


@register.filter
def elapsed(prediction: Prediction) -> str:
    """How long the prediction has been queued or running."""
    since: datetime | None = prediction.started or prediction.queued
    return seconds((timezone.now() - since).total_seconds()) if since else ""


@register.filter
def behavior(tumor_type: str) -> labels.Behavior | None:
    return labels.BEHAVIORS.get(tumor_type)


@register.filter
def types(prediction: Prediction) -> list[tuple[str, float]]:
    """The tumor types with their probabilities, most likely first."""
    return prediction.ranked_types


@register.filter
def mark(fraction: float | None) -> str:
    """A label's position on a scale, as `bar`: far enough from both ends for its text to fit."""
    return bar(min(max(fraction or 0.0, 0.24), 0.76))


@register.filter
def values(data: QueryDict, key: str) -> list[str]:
    """All values of a query parameter, for a form's hidden inputs."""
    return data.getlist(key) if data else []


@register.simple_tag
def querystring_for(**parameters: str) -> str:
    """A query string of these parameters alone; Django's `querystring` keeps the current ones."""
    return "?" + urlencode(parameters)


@register.simple_tag(takes_context=True)
def without(context: template.Context, *keys: str) -> str:
    """The current query string without these parameters."""
    rest = context["request"].GET.copy()
    for key in keys:
        rest.pop(key, None)
    return f"?{rest.urlencode()}"


@register.filter
def counted(number: int) -> str:
    """A count for people. Counting stops at COUNT_LIMIT, so a larger number reads `1,000+`."""
    return f"{number:,}" if number <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"


@register.filter
def ago(moment: datetime) -> str:
    """How long ago, in one short unit; after a week, the date."""
    past = (timezone.now() - moment).total_seconds()
    if past >= 7 * 86400:
        return f"{timezone.localtime(moment):%Y-%m-%d}"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= size:
            return f"{past // size:.0f} {unit} ago"
    return "just now"
