"""The shard contract, and all that reads and writes files of it: pages, checksums, the table of videos."""
