"""Shards as a static site that opens from disk: an overview, a page a video, and what somebody should look at."""
