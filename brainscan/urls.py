"""URLs of the whole site. Pages at the root, the API under /api/, health outside both."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from brainscan import health

urlpatterns = [
    path("", include("diagnosis.urls")),
    path("admin/", admin.site.urls),
    # The API authenticates by token or session itself, and answers 401 instead of a redirect to the login page.
    path("api/v1/", include("diagnosis.api.urls")),
    path("api/schema/", login_not_required(SpectacularAPIView.as_view()), name="schema"),
    path("api/docs/", login_not_required(SpectacularSwaggerView.as_view(url_name="schema")), name="api-docs"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
]

handler400 = "diagnosis.views.errors.bad_request"
handler403 = "diagnosis.views.errors.forbidden"
handler404 = "diagnosis.views.errors.not_found"
handler500 = "diagnosis.views.errors.server_error"
