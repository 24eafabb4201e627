"""Is a collection of videos and shards whole, and does all of it agree?"""
