"""What runs in the zygote and its boxes: the standard library only, since nothing else is there."""
