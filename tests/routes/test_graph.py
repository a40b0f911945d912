import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from esb.routes import load
from esb.routes.graph import Edge, Graph, Thing, as_mermaid, as_svg, as_text, graph_of
from esb.routes.layout import lay_out, without_rings

FILES = {
    "esb.yaml": "policies:\n  spill: { rejected: { divert: spare } }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: in\npartner: acme\nformat: x12\n",
    "endpoints/erp.yaml": "type: http_out\nurl: https://erp.example/\nretry: spill\neffect: { never_repeat: true }\n",
    "endpoints/spare.yaml": "type: file\ndirectory: spare\n",
    "schemas/partners/acme.yaml": "acknowledge_to: spare\n",
    "routes/orders.yaml": (
        "from: { endpoint: inbox, acknowledge: 997 }\nsteps:\n"
        '  - enrich: { ask: erp, get: "/x", into: "$.x" }\n  - call: send\n  - publish: order.taken\n'
    ),
    "routes/send.yaml": "steps:\n  - to: erp\n",
    "routes/news.yaml": 'from: { event: "order.*" }\nsteps:\n  - to: spare\n',
}
GRAPH = graph_of(load({name: text.encode() for name, text in FILES.items()}))


def test_a_graph_as_text_has_a_line_for_each_route():
    assert as_text(GRAPH) == (
        "event order.taken → news → spare\n"
        "inbox → orders → erp (asks), spare (acknowledges), event order.taken, send (calls)\n"
        "orders (calls) → send → erp\n"
    )


def test_the_graph_around_a_route_has_what_leads_to_it_and_what_it_leads_to():
    around = GRAPH.around("news")

    assert around.names("route") == ["news", "orders"]
    assert around.names("endpoint") == ["inbox", "spare"]
    with pytest.raises(LookupError, match='route "nwes" does not exist; did you mean "news"'):
        GRAPH.around("nwes")


def test_diverted_failures_are_drawn():
    assert Edge(Thing("endpoint", "erp"), Thing("endpoint", "spare"), "diverts") in GRAPH.edges


def test_a_graph_as_mermaid():
    small = Graph((Thing("endpoint", "in"), Thing("event", "a.b"), Thing("route", "r")), ())
    small = Graph(
        small.things,
        (Edge(Thing("endpoint", "in"), Thing("route", "r")), Edge(Thing("route", "r"), Thing("event", "a.b"), "asks")),
    )

    assert as_mermaid(small) == (
        'flowchart LR\n  n0(["in"])\n  n1{{"a.b"}}\n  n2["r"]\n  n0 --> n2\n  n2 -. asks .-> n1\n'
    )


def test_a_drawing_is_well_formed_links_to_the_files_and_is_always_the_same():
    drawn = as_svg(GRAPH)
    root = etree.fromstring(drawn.encode())

    links = [link.get("href") for link in root.iter("{http://www.w3.org/2000/svg}a")]
    assert as_svg(GRAPH) == drawn
    assert "routes/orders.yaml" in links
    assert "script" not in drawn
    assert len(links) == len(GRAPH.names("route")) + len(GRAPH.names("endpoint"))


def test_boxes_do_not_overlap_and_arrows_go_to_the_right():
    drawn = as_svg(GRAPH)
    boxes = [tuple(map(int, found)) for found in re.findall(r'<rect x="(\d+)" y="(\d+)"', drawn)]

    assert len(set(boxes)) == len(boxes) == len(GRAPH.things)


ARROWS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


@given(ARROWS)
def test_any_graph_can_be_laid_out_rings_and_all(arrows):
    layout = lay_out(15, arrows, 100, 40)

    assert lay_out(15, arrows, 100, 40) == layout
    for number, (x, y) in enumerate(layout.places):
        assert 0 <= x <= layout.width - 100
        assert 0 <= y <= layout.height - 40
        for other_x, other_y in layout.places[number + 1 :]:
            assert abs(x - other_x) >= 100 or abs(y - other_y) >= 40


@given(ARROWS)
def test_an_arrow_is_left_out_only_where_it_closes_a_ring(arrows):
    kept = without_rings(15, arrows)

    for source, target in kept:
        assert source not in reached(kept, target)
    for source, target in set(arrows) - set(kept):
        assert source in reached(kept, target)


def reached(arrows, start):
    seen, stack = {start}, [start]
    while stack:
        here = stack.pop()
        fresh = [target for source, target in arrows if source == here and target not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return seen
