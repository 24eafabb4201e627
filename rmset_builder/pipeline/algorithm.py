"""The version of what decides a shard beside its settings."""

# Where the same settings give other shards than an older program's, this is raised, and the older ones are stale. The
# seal is the digest of the code that decides; `python -m rmset_builder.pipeline.seal` renews both, and a test fails
# until it has. A digest alone would make all shards stale at each change of a name.
ALGORITHM = 6
SEAL = "4626147b576547e914e31fb40fdaa0fd93fbcd7c4e938fb49d1d474e4aeda731"
