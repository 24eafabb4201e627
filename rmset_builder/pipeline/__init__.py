"""A video's way from its file to its shards, and a run over many videos."""
