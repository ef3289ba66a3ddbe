"""W6: what it costs to run a program in a box, tier by tier, beside peers; HumanEval in boxes; and a soak of them."""
