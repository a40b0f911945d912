"""Endpoint specs name formats, which the room `routes` introduces to them."""

import pytest

try:
    import esb.routes.parts  # noqa: F401
except ImportError:
    from esb.endpoints import ENDPOINTS
    from esb.specs import FormatSpec, rebuild

    rebuild(list(ENDPOINTS.values()), AnyFormat=FormatSpec)

from esb.testing.endpoint_kit import TestWorld


@pytest.fixture
def world(tmp_path):
    return TestWorld(tmp_path)
