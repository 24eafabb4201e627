"""What every part of both packages may build on; nothing here knows of videos, models or shards."""
