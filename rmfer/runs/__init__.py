"""Many trainings as one piece of work: side by side, resumable, told together."""
