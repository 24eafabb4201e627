"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 7
SEAL = "115bb1fbd44e6a6f0fdb70bdc885cabfd5b5cb52a40fab8f0aeadb05f9b96e1f"
