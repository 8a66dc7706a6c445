"""One row a cell: one file a family of features, and the rules that filter."""
