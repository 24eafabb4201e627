"""Shards in the formats of other training tools: one module a format, `run` makes the folder whole or leaves it absent."""
