"""How long `esb validate` takes on a large project, and whether it points at a typo in it."""
