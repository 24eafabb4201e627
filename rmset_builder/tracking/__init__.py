"""Faces of neighbouring frames linked into tracks, and in which frames to look for them."""
