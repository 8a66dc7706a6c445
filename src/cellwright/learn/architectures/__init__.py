"""Architectures: each one file that gives a network, its targets and losses, and a decoder."""
