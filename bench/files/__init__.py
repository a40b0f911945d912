"""Large files: one X12 interchange and one CSV of 200 MB through `esb run --once`, to one JSON file an order."""
