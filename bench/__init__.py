"""Benchmarks: each measures one promise of speed, and checks that nothing was lost while it did."""
