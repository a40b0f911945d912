"""HTTP: no two endpoints take the same requests, and who waits for an answer sends one document."""

from __future__ import annotations

import re
from collections.abc import Iterator

from esb.errors import Diagnostic
from esb.routes.replying import replies
from esb.routes.rules.view import View


def same_requests(view: View) -> Iterator[Diagnostic]:
    """Report endpoints whose addresses and methods are the same: only one of them would ever be called."""
    taken: dict[tuple[str, str], str] = {}
    for name, spec in sorted(view.project.endpoints.items()):
        path = getattr(spec, "path", "")
        if spec.type != "http_in" or not path:
            continue
        shape = re.sub(r"\{[^}]*\}", "{}", path)
        for method in getattr(spec, "methods", ()):
            other = taken.setdefault((method, shape), name)
            if other != name:
                text = f'{method} /api{path} is taken by endpoint "{other}" already'
                also = (view.place(view.file("endpoint", other), ("path",)),)
                advice = "give one of them another path, or other methods"
                yield view.finding("E730", text, view.file("endpoint", name), ("path",), help=advice, also=also)
                break


def one_reply(view: View) -> Iterator[Diagnostic]:
    """Report a route that cuts what it receives into several documents, though its caller waits for one answer."""
    for name, route in view.project.routes.items():
        origin = route.from_
        if origin is not None and origin.each is not None and replies(view.project, origin.endpoint):
            text = f'callers of endpoint "{origin.endpoint}" wait for one answer, and each makes several documents'
            advice = "remove each (a split step may follow), or remove reply from the endpoint"
            yield view.finding("E731", text, view.file("route", name), ("from", "each"), help=advice)
