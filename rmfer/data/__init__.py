"""What both loaders are made of: random numbers, augmentation, buffers and the way to a device."""
