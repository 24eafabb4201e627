"""Reaction-mashup videos in, Parquet shards of aligned and identified faces out."""

__version__ = "0.1.0"
