"""Questions to models: what is held for them, and how their answers are read and mended."""
