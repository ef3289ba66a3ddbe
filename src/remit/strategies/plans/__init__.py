"""Plans: calls that depend on each other, their review, their order, and how a model is asked for them."""
