"""Shards looked at as a whole: the paper's table, a sheet of who is who. Nothing here changes a shard."""
