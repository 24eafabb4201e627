"""Faces upright and of one size, as JPEG pictures, kept on disk until it is known whose they are."""
