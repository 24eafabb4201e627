"""What somebody should look at in a video's shards: a rule a module, each a pure function of the video's tracks."""
