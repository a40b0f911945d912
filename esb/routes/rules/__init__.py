"""Rules: what lint looks for, by topic. A rule reads a view of the project and yields findings; it changes nothing."""
