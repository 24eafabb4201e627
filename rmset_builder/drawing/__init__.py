"""What was found, drawn over pictures and videos: boxes, landmarks, labels. Nothing here changes a shard."""
