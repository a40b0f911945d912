"""The seeded simulation: the real runtime in a world of simulated parts that fail; a seed names a world."""
