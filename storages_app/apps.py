"""The one Django app of the product."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StoragesConfig(AppConfig):
    name = "storages_app"
    verbose_name = "ucdash"

    def ready(self) -> None:
        """Hand the settings to the tools, which know no Django."""


class OperatorAdminConfig(AdminConfig):
    default_site = "storages_app.admin.site.OperatorSite"
