"""Trains the RMFER expression recogniser on shards and a labelled benchmark; it has no commands yet."""
