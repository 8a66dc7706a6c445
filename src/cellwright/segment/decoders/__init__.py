"""Decoders: from a network's maps to objects. They need NumPy and SciPy, never torch."""
