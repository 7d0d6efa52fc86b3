"""The project as an app, for its management commands, and Django's admin with our own site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """Makes `admin.site` a `brainscan.admin.Site`, which can only be imported once the apps are loaded."""

    default_site = "brainscan.admin.Site"


class ProjectConfig(AppConfig):
    """Provides `run_site`; it has no models."""

    name = "brainscan"
