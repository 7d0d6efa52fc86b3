"""Model versions."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from diagnosis.access import selectors
from diagnosis.api.pagination import Ordering
from diagnosis.api.serializers.model_versions import ModelVersionSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.models import ModelVersion


@extend_schema_view(list=extend_schema(summary="Model versions"), retrieve=extend_schema(summary="One model version"))
class ModelViewSet(ListRetrieveViewSet[ModelVersion]):
    """Registered models. New predictions use the active one."""

    filter_backends = (Ordering,)
    ordering_fields = ("id", "name", "registered")
    serializer_class = ModelVersionSerializer

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return selectors.models()
