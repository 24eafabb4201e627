"""Reaction-mashup videos in, Parquet shards of aligned and identified faces out."""

from rmset_builder.decoder_limits import limit_decoders
from rmset_builder.telemetry import switch_off

__version__ = "0.1.0"

switch_off()
limit_decoders()
