"""The network, its weights, and how a trained one lies on disk."""
