"""The losses of the paper as pure functions, float32 (or float64) whatever the network computes in."""
