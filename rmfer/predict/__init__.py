"""Expressions of the faces in pictures and videos; the only part of rmfer that calls rmset_builder, to find faces."""
