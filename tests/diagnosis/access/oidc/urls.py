"""The site's URLs as they are where OIDC_ISSUER is set."""

from django.urls import include, path

from brainscan.urls import handler400, handler403, handler404, handler500
from brainscan.urls import urlpatterns as of_the_site

urlpatterns = [path("", include("diagnosis.sso_urls")), *of_the_site]

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
