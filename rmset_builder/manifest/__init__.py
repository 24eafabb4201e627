"""What to search for and what to keep, as the user wrote it down."""
