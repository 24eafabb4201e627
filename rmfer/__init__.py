"""Trains the RMFER expression recogniser on shards and a labelled benchmark."""

from importlib.metadata import version

from rmset_builder.telemetry import switch_off

__version__ = version("rmset-builder")

switch_off()
