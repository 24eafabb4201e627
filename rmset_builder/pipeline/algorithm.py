"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 7
SEAL = "3917f9d79c0b0bcd8ca3b5507a044b5315d4cb8e4249aa5fa49dfad07c377110"
