"""A video file: what its header says, its frames in presentation order, and where its shots begin."""
