"""Models: the file that holds a network and all that is needed to use it honestly."""
