"""Cells unlike those of the reference, at a rate of false alarms that a person states."""
