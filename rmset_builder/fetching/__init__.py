"""From keywords, addresses and folders to a documented collection of videos: what ``rmset fetch`` is made of."""
