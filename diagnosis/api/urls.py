"""Addresses under /api/v1/. Anything else there is answered by `problems.unknown_address`."""

from rest_framework.routers import SimpleRouter

from diagnosis.api import views

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("cases", views.CaseViewSet, basename="case")
router.register("scans", views.ScanViewSet, basename="scan")
router.register("predictions", views.PredictionViewSet, basename="prediction")
router.register("models", views.ModelViewSet, basename="model")

urlpatterns = router.urls
