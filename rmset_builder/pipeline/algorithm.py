"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 6
SEAL = "3ada72c1cad4e7d8868abc83f0f7e1e7202e3351d0ffc875e86971e0d252c996"
