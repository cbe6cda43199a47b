"""The operators' way in."""

from django.contrib.admin import AdminSite


class OperatorSite(AdminSite):
    site_header = "ucdash operators"
    site_title = "ucdash"
    index_title = "This instance"
