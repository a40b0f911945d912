"""Composition root: the one place that knows every room, and introduces them to each other."""

from __future__ import annotations

from esb.app.process import Process
from esb.app.releases import Releases, usable, written_settings

__all__ = ["Process", "Releases", "usable", "written_settings"]
