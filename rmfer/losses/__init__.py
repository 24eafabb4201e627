"""The losses of the paper as pure functions, in float32 or float64 under autocast too."""
