"""URLs of the whole site: pages at the root, the API under /api/, health checks outside both."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from brainscan import health
from brainscan.metrics import metrics
from diagnosis.api.dicomweb import StoreView
from diagnosis.api.docs import docs
from diagnosis.api.problems import unknown_address

urlpatterns = [
    path("", include("diagnosis.urls")),
    *([path("", include("diagnosis.sso_urls"))] if settings.OIDC else []),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
    # The API authenticates by token or session and answers 401 instead of redirecting to the login page.
    path("api/v1/", include("diagnosis.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # The standard's paths (DICOM PS3.18, 10.5) have no trailing slash; some clients add one.
    re_path(r"^dicomweb/studies(?:/(?P<study>[0-9.]+))?/?$", StoreView.as_view(), name="stow"),
    path("api/docs/", docs, name="api-docs"),  # a page, so it asks for a login like pages do
    re_path(r"^(?:api|dicomweb)/", unknown_address),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "brainscan.errors.bad_request"
handler403 = "brainscan.errors.forbidden"
handler404 = "brainscan.errors.not_found"
handler500 = "brainscan.errors.server_error"
