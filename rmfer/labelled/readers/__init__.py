"""Readers of the benchmarks, one module for each layout in which they are given out."""
