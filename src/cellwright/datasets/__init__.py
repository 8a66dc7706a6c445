"""Annotated pictures: which there are, which of them belong together, how they are split."""
