"""Addresses of the file host."""

from django.urls import path, re_path

from storages_app.delivery import views

app_name = "delivery"

urlpatterns = [
    path("<uuid:file_uuid>", views.add_slash, name="add_slash"),
    path("<uuid:file_uuid>/", views.serve, name="file"),
    path("<uuid:file_uuid>/<path:rest>", views.serve, name="file_with_rest"),
    re_path(r"", views.not_found, name="not_found"),
]
