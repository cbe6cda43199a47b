"""The one Django app of the product."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate

from storages_app.lib import outbound


class StoragesConfig(AppConfig):
    name = "storages_app"
    verbose_name = "ucdash"

    def ready(self) -> None:
        """Hand the settings to the tools, which know no Django; have the triggers laid."""
        counting = import_module("storages_app.models.counting")
        post_migrate.connect(counting.lay_triggers, sender=self)
        import_module("storages_app.oversight.key_check")  # registers itself
        import_module("storages_app.projects.account_events")
        outbound.configure(
            outbound.Policy(
                allowed_private=outbound.allowed_hosts(settings.ALLOWED_PRIVATE_HOSTS),
                own_hosts=outbound.hosts_of(settings.BASE_URLS),
            )
        )


class OperatorAdminConfig(AdminConfig):
    default_site = "storages_app.admin.site.OperatorSite"

    def ready(self) -> None:
        """Register our lists once the site is there."""
        super().ready()
        import_module("storages_app.admin.everything")
