"""Reviews: record, sign, amend."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import selectors
from diagnosis.access.filters import IdFilter, YesNoFilter
from diagnosis.api.problems import MEDIA_TYPE, Conflict
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.serializers.reviews import AmendmentSerializer, NewReviewSerializer, ReviewSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.models import Prediction, Review
from diagnosis.models.api_token import Scope
from diagnosis.models.review import ReviewState
from diagnosis.reviews import transitions
from diagnosis.reviews.errors import InvalidOpinion, NotYourReading, ReviewRefused

_RECORD = {
    ReviewState.DRAFT: transitions.save_draft,
    ReviewState.COMMITTED: transitions.commit,
    ReviewState.SIGNED: transitions.sign,
}
_CONFLICTS: Any = {(code, MEDIA_TYPE): OpenApiResponse(ProblemSerializer) for code in (400, 409)}
_FIELDS = {"tumor_type": "type", "slice": "location"}


class ReviewFilter(django_filters.FilterSet):
    """scan (id), case (reference), reader (user name), state, finding, role, current."""

    scan = IdFilter(field_name="scan_id")
    case = django_filters.CharFilter(field_name="scan__case__reference")
    reader = django_filters.CharFilter(field_name="reader__username")
    current = YesNoFilter()

    class Meta:
        model = Review
        fields = ("scan", "case", "reader", "state", "finding", "role", "current")


@extend_schema_view(list=extend_schema(summary="Reviews"), retrieve=extend_schema(summary="One review"))
class ReviewViewSet(ListRetrieveViewSet[Review]):
    """What people read in scans: your own, and those that others have committed. Blind-first readers see those of
    others once they have committed their own."""

    token_scope = Scope.REVIEW
    filterset_class = ReviewFilter
    ordering_fields = ("id", "created", "committed", "signed")
    serializer_class = ReviewSerializer
    parser_classes = (JSONParser, FormParser)

    def get_queryset(self) -> QuerySet[Review]:
        return selectors.reviews(self.user)

    @extend_schema(
        summary="Record an opinion", request=NewReviewSerializer, responses={201: ReviewSerializer, **_CONFLICTS}
    )
    def create(self, request: Request) -> Response:
        """`state`: draft, committed (frozen; reveals the model's result to blind-first readers) or signed. The same
        opinion sent twice is recorded once; 409 if you have committed another one, or `version` is out of date."""
        asked = NewReviewSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        prediction = _named(selectors.predictions(self.user), data["prediction"])
        with _problems():
            review = _RECORD[ReviewState(data["state"])](
                prediction, reader=self.user, opinion=asked.opinion(), version=data["version"]
            )
        return self._shown(review, status.HTTP_201_CREATED)

    @extend_schema(summary="Sign a committed review", request=None, responses={200: ReviewSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def sign(self, request: Request, pk: int) -> Response:
        """409 for a draft, which is signed together with its opinion, and for one that was amended."""
        with _problems():
            return self._shown(transitions.sign_committed(self.get_object(), reader=self.user))

    @extend_schema(
        summary="Amend a committed or signed review", request=AmendmentSerializer, responses={201: ReviewSerializer}
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def amend(self, request: Request, pk: int) -> Response:
        """A new review in the same state, with the reason; the earlier one stays."""
        review = self.get_object()
        asked = AmendmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        named = asked.validated_data.get("prediction")
        runs = selectors.predictions(self.user).filter(scan=review.scan_id)
        beside = None if named is None else _named(runs, named)
        with _problems():
            made = transitions.amend(
                review, reader=self.user, opinion=asked.opinion(), reason=asked.validated_data["reason"], beside=beside
            )
        return self._shown(made, status.HTTP_201_CREATED)

    @extend_schema(summary="Delete a draft", responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """409 for a review that is no draft, or not yours."""
        if not transitions.discard_draft(self.get_object(), reader=self.user):
            raise Conflict("Only your own drafts can be deleted; a committed review is amended.")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, review: Review, code: int = status.HTTP_200_OK) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=review.pk)
        return Response(self.get_serializer(row).data, status=code)


def _named(rows: QuerySet[Prediction], pk: int) -> Prediction:
    found = rows.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise ValidationError({"prediction": ["There is no such prediction, or you may not see it."]})
    return found


@contextmanager
def _problems() -> Iterator[None]:
    """Refusals of `reviews` as problems."""
    try:
        yield
    except InvalidOpinion as error:
        errors: dict[str, Any] = {_FIELDS.get(name, name): [text] for name, text in error.errors.items()}
        raise ValidationError(errors) from None
    except NotYourReading as error:
        raise PermissionDenied(error.message, code=error.code) from None
    except ReviewRefused as error:
        raise Conflict(error.message, code=error.code) from None
