"""Models of other programs: bioimage.io packages without our section, made into model files."""
