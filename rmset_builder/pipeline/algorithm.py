"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 7
SEAL = "6fd0aeba8cedec2e1bf7122df7ad10de4600e8396531b3d45f6e74bb22b7d47d"
