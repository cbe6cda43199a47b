"""Configuration and wiring of the installation; no product logic."""

from ucdash.celery import app as celery_app

__all__ = ["celery_app"]
