"""Benchmarks: `make bench`. Machines differ, so each figure is compared with one from the same run."""
