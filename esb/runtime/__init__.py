"""The runtime: takes in, routes, delivers and records. It alone publishes and settles; it knows ports, not rooms."""
