"""From tables of cells to statements: the replicate is n."""
