"""Filters of predictions and scans, the same for pages and API."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any, cast

import django_filters
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, Subquery
from django.forms import CheckboxSelectMultiple, IntegerField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from diagnosis.access import assigned, blinding
from diagnosis.access.users import AnyUser, User
from diagnosis.models import Assignment, Case, ModelVersion, Prediction, Review, Scan
from diagnosis.models.prediction import TumorType
from diagnosis.models.review import ReviewState
from diagnosis.models.scan import MINE, REVIEW_STATES

ME, NOBODY = "me", "nobody"
"""To whom a case is assigned, as a filter."""

UNCERTAIN = "uncertain"
"""As an outcome: every prediction whose probability lies in the uncertain band, on either side of the threshold."""


def assigned_to(user: AnyUser) -> Q:
    """A condition on predictions: the case is assigned to the user, or to a group of theirs."""
    if not user.is_authenticated or not assigned.has_any(user):
        return Q(pk__in=())
    return Q(scan__case__in=assigned.to_user(user).values("case"))


def in_review_states(user: AnyUser, states: Iterable[str]) -> Q:
    """A condition on predictions: the review state, as `reviews.consensus.with_review_state` tells it to the user.

    By the scan's column, which has an index, and not by that annotation, which every row would have to compute.
    """
    wanted = set(states)
    begun = Review.objects.filter(reader=user.pk, current=True).exclude(state=ReviewState.SIGNED).values("scan")
    others = Q(scan__reading__in=wanted - {MINE}) & ~Q(scan__in=begun)
    return others | Q(scan__in=begun) if MINE in wanted else others


@extend_schema_field(OpenApiTypes.BOOL)
class YesNoFilter(django_filters.TypedChoiceFilter):
    """`true` or `false`. Anything else is an error; django-filter's own boolean filter would ignore it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=(("true", "Yes"), ("false", "No")), coerce="true".__eq__, **kwargs)


LARGEST_ID = 2**63 - 1
"""The largest that the database gives."""


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_ID})
class IdFilter(django_filters.NumberFilter):
    """The id of something. Fractions and what no row can have are errors."""

    field_class = IntegerField  # type: ignore[assignment]  # declared narrower than it is used

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **kwargs)


class DaysField(django_filters.fields.DateRangeField):
    """A range of days in the site's time zone. Days near year 1 and 9999 may not exist in UTC, which is an error."""

    def compress(self, data_list: Any) -> slice | None:
        try:
            days: slice | None = super().compress(data_list)
            for moment in (days.start, days.stop) if days else ():
                if moment is not None:
                    moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("Enter a valid date.", code="invalid") from error
        return days


class DaysFilter(django_filters.DateFromToRangeFilter):
    field_class = DaysField


class PredictionFilter(django_filters.FilterSet):
    """state, outcome (`uncertain` too), uncertain, type, trained_on, model (id), owner (user name), created_after,
    created_before, case (reference), reading (review state), assigned (me, nobody), q (text).

    user: whose reviews and assignments count; in the API, the request's.
    """

    # `distinct` would sort the whole list, and no join here can repeat a row.
    state = django_filters.MultipleChoiceFilter(choices=Prediction.State.choices, distinct=False)
    outcome = django_filters.MultipleChoiceFilter(
        choices=(*Prediction.Outcome.choices, (UNCERTAIN, "Uncertain")), method="filter_outcome"
    )
    uncertain = YesNoFilter()
    type = django_filters.MultipleChoiceFilter(
        field_name="listed_type",
        choices=TumorType.choices,
        distinct=False,
        label="Type",
        widget=CheckboxSelectMultiple,
    )
    trained_on = YesNoFilter()
    model = django_filters.ModelChoiceFilter(
        field_name="model_version", queryset=ModelVersion.objects.defer("manifest")
    )
    owner = django_filters.CharFilter(method="filter_owner")
    case = django_filters.CharFilter(field_name="case_reference")
    created = DaysFilter(label="Uploaded")
    reading = django_filters.MultipleChoiceFilter(
        choices=REVIEW_STATES, method="filter_reading", label="Reading", widget=CheckboxSelectMultiple
    )
    assigned = django_filters.ChoiceFilter(
        choices=((ME, "Me"), (NOBODY, "Nobody")), method="filter_assigned", label="Assigned to", empty_label="Anybody"
    )
    q = django_filters.CharFilter(method="filter_text", label="Case, file or owner")

    class Meta:
        model = Prediction
        fields = (
            "state", "outcome", "uncertain", "type", "trained_on", "model", "owner", "case", "created", "reading",
            "assigned", "q",
        )  # fmt: skip

    def __init__(self, *args: Any, user: AnyUser | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user or getattr(self.request, "user", None) or AnonymousUser()

    SAYS_NOTHING_OF_RESULTS = frozenset({"state", "model", "owner", "case", "created", "reading", "assigned", "q"})
    """A filter that is not named here leaves out every scan whose result is hidden from the reader."""

    def filter_queryset(self, queryset: QuerySet[Prediction]) -> QuerySet[Prediction]:
        chosen = {name for name, value in self.form.cleaned_data.items() if value not in (None, "", [])}
        if chosen - self.SAYS_NOTHING_OF_RESULTS:
            queryset = blinding.revealed(queryset)
        return cast("QuerySet[Prediction]", super().filter_queryset(queryset))

    def filter_outcome(self, rows: QuerySet[Prediction], name: str, values: list[str]) -> QuerySet[Prediction]:
        chosen = Q(outcome__in=values)
        return rows.filter(chosen | Q(uncertain=True) if UNCERTAIN in values else chosen)

    def filter_owner(self, rows: QuerySet[Prediction], name: str, value: str) -> QuerySet[Prediction]:
        # By id, because the index starts with it. The subquery runs once.
        return rows.filter(owner=Subquery(User.objects.filter(username=value).values("pk")[:1]))

    @extend_schema_field({"type": "string", "enum": [str(name) for name, _ in REVIEW_STATES]})  # of each value
    def filter_reading(self, rows: QuerySet[Prediction], name: str, values: list[str]) -> QuerySet[Prediction]:
        return rows.filter(in_review_states(self.user, values))

    def filter_assigned(self, rows: QuerySet[Prediction], name: str, value: str) -> QuerySet[Prediction]:
        if value == ME:
            return rows.filter(assigned_to(self.user))
        return rows.exclude(scan__case__in=Assignment.objects.values("case"))

    def filter_text(self, rows: QuerySet[Prediction], name: str, value: str) -> QuerySet[Prediction]:
        # Line breaks separate the searched texts, so a match across one would span two of them.
        return rows.none() if "\n" in value else rows.filter(searched__icontains=value)


class ScanFilter(django_filters.FilterSet):
    """case (reference), owner (user name), created_after, created_before, sha256, q (text)."""

    case = django_filters.CharFilter(field_name="case__reference")
    owner = django_filters.CharFilter(field_name="case__owner__username")
    created = DaysFilter()
    q = django_filters.CharFilter(method="filter_text", label="Case or file")

    class Meta:
        model = Scan
        fields = ("case", "owner", "created", "sha256", "q")

    def filter_text(self, rows: QuerySet[Scan], name: str, value: str) -> QuerySet[Scan]:
        return rows.filter(Q(case__reference__icontains=value) | Q(name__icontains=value))


class CaseFilter(django_filters.FilterSet):
    """owner (user name), label, created_after, created_before, q (text in the reference)."""

    owner = django_filters.CharFilter(field_name="owner__username")
    created = DaysFilter()
    q = django_filters.CharFilter(field_name="reference", lookup_expr="icontains")
    label = django_filters.CharFilter(method="filter_label")

    class Meta:
        model = Case
        fields = ("owner", "label", "created", "q")

    def filter_label(self, rows: QuerySet[Case], name: str, value: str) -> QuerySet[Case]:
        return rows.filter(labels__text=value.lower())  # a case has each label once, so no row is repeated
