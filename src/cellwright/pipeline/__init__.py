"""Where the rooms meet: what happens to a picture, and what happens to a run."""
