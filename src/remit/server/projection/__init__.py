"""Projection: what people look for across sessions, made from journals and kept beside them."""
