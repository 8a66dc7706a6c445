"""The page of a comparison: what differs, by how much, and what that rests on."""
