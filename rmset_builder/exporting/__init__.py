"""Shards in the formats of other training tools: a module each, `run` makes a folder whole or leaves it absent."""
