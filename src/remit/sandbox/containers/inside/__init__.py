"""What runs in a container: standard library only, given as source, for any Python from 3.10 on."""
