"""Methods that find objects: threshold and watershed; found by entry point."""
