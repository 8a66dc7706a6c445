"""The report: one file a section, found by entry point."""
