"""What runs inside a box: standard library only, and nothing that it says is believed outside."""
