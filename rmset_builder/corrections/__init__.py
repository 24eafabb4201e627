"""What people put right about who is who: recorded for good, applied to shards as a whole, undone, found again."""
