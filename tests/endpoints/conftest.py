"""Endpoint specs name formats; the room `routes` tells them which there are."""

import esb.routes.parts  # noqa: F401
