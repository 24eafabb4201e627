"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 6
SEAL = "c2e7b93da2d41ee152d01c02052969f4f909ea1bd2769be5858b01e9ad2bdb19"
