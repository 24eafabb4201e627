"""Who is who in one video: embeddings of tracks, clustered, and which of them are people of the video."""
