"""Reading the audit trail: for staff who may, filtered by person, action, object and time."""

from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import GenericIPAddressField
from drf_spectacular.utils import extend_schema_field

from diagnosis.access import reading_policy, timeline
from diagnosis.access.filters import DaysFilter
from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent, Disclosure, Prediction, Scan

TARGET_TYPES = ("case", "scan", "prediction", "review", "user", "modelversion", "savedview")
"""Types of objects that events are about."""


def may_read(user: AnyUser) -> bool:
    """Staff with the permission to view the audit trail."""
    return bool(user.is_active and user.is_staff and user.has_perm("diagnosis.view_auditevent"))


def events(user: AnyUser) -> QuerySet[AuditEvent]:
    """The events that `user` may see, newest first; none for users who may not read the trail."""
    return shown_to(user, AuditEvent.objects.all()) if may_read(user) else AuditEvent.objects.none()


def shown_to(user: AnyUser, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Staff who read blind first don't see what happened to results, nor what others have read, nor which lists they
    have exported: a list of tumors names its scans."""
    if not reading_policy.is_blind_first(user):
        return rows
    of_others = Q(target_type="review") | Q(action="list.exported")
    return rows.exclude(target_type="prediction").exclude(~Q(actor_id=user.pk), of_others)


def about(target_type: str, target_id: str) -> Q:
    """The events about an object. Those of a case are also those of its scans, and those of both are also the lists,
    pages and exports that told one of their results."""
    named = Q(target_type=target_type, target_id=target_id)
    if not (target_id.isascii() and target_id.isdecimal() and len(target_id) < 19):
        return named
    if target_type == "prediction":
        return named | _told(Prediction.objects.filter(pk=int(target_id)), int(target_id))
    if target_type == "scan":
        return named | _with_results(Scan.objects.filter(pk=int(target_id)))
    if target_type == "case":
        return named | _with_results(Scan.objects.filter(case=int(target_id)))
    return named


def _with_results(scans: QuerySet[Scan]) -> Q:
    return timeline.of_scans(scans) | _told(Prediction.objects.filter(scan__in=scans.order_by()))


def _told(predictions: QuerySet[Prediction], *deleted: int) -> Q:
    rows = Disclosure.objects.filter(Q(prediction__in=predictions.order_by().values("pk")) | Q(prediction__in=deleted))
    return Q(pk__in=rows.values("event"))


class _AddressField(GenericIPAddressField):
    def clean(self, value: Any) -> Any:
        if "%" in str(value):  # a zone, which PostgreSQL does not take
            raise ValidationError("Enter a valid IPv4 or IPv6 address.", code="invalid")
        return super().clean(value)


@extend_schema_field({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"maxLength": 0}]})
class AddressFilter(django_filters.CharFilter):
    """An IP address. Anything else is an error: PostgreSQL compares addresses with nothing but addresses."""

    field_class = _AddressField


class AuditFilter(django_filters.FilterSet):
    """actor (user name), action (or its start), kind and key (an object's type and id), at_after, at_before (days),
    address, request_id."""

    actor = django_filters.CharFilter(label="Person")
    action = django_filters.CharFilter(method="filter_action", label="Action")
    kind = django_filters.ChoiceFilter(
        choices=[(name, name) for name in TARGET_TYPES], method="filter_kind", label="Object", empty_label="Anything"
    )
    key = django_filters.CharFilter(method="filter_nothing", label="Its id", max_length=64)
    at = DaysFilter(label="Day")
    address = AddressFilter(label="From address")
    request_id = django_filters.CharFilter(label="Request id")

    class Meta:
        model = AuditEvent
        fields = ("actor", "action", "kind", "key", "at", "address", "request_id")

    def filter_action(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        return rows.filter(action__startswith=value)

    def filter_kind(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        key = self.form.cleaned_data.get("key", "")
        return rows.filter(about(value, key) if key else Q(target_type=value))

    def filter_nothing(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        """An id without the type of its object."""
        return rows if self.form.cleaned_data.get("kind") else rows.filter(target_id=value)


def applied(chosen: AuditFilter) -> dict[str, Any]:
    """The filters that were set, as the audit row of an export keeps them."""
    return {name: str(value) for name, value in chosen.form.cleaned_data.items() if value not in (None, "")}
