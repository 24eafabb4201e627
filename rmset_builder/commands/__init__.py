"""One module per command of ``rmset``."""
