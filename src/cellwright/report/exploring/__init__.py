"""Looking at all cells: their measurements by condition, what goes together, a map. No tests."""
