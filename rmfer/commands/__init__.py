"""One module per command of ``rmfer``."""
