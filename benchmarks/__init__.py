"""Benchmarks: what is timed, beside what, in one process."""
