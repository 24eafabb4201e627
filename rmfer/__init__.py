"""Trains the RMFER expression recogniser on shards and a labelled benchmark."""

from importlib.metadata import version

__version__ = version("rmset-builder")
