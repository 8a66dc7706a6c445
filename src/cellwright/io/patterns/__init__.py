"""Naming schemes of screening microscopes, one file a scheme; see `cellwright.io.pattern`."""
