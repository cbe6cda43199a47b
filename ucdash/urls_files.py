"""What the file host answers: users' content and nothing else."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [path("", include("storages_app.delivery.urls"))]

handler500 = "storages_app.delivery.views.broken"
