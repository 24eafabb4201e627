"""What is taken down for good: out of shards, tables and files, and out of every later extraction."""
