"""Fixtures that several folders need."""

pytest_plugins = ["tests.rig.seaweed"]
