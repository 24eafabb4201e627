"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 7
SEAL = "496fafcd987862d8ba3e2bfe36f3e70b5a370d7caba76263ad4d81bc27b7ec3b"
