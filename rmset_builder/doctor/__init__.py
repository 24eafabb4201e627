"""Is this machine fit for ``rmset extract``, and what would mend it? A module for each kind of check."""
