"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 6
SEAL = "695ce9bcccea2a3897c273aad467c70e27ddb213855bd5a1ab8e718fcc85e4f9"
