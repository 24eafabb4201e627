"""Training: one readable loop, and what it stands on; see docs/training.md."""
