"""Faces in pictures: boxes, five landmarks and a score of each."""
