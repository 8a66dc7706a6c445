"""Formats of annotated pictures, one file each: see `cellwright.datasets.annotation`."""
