"""Folders in object storage (S3 and servers that speak like it): see docs/storage.md."""
