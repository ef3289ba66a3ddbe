"""What runs beside a box and makes it: standard library only."""
