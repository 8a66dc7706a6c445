"""The page of odd cells: how many, which, and what they look like."""
