"""Pictures with known truth: one file a kind of picture, and `experiment` for a folder of them."""
