"""What trained networks say of data: `rmfer analyze`."""
