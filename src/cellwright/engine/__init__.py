"""How work runs: steps with keys, a journal, executors, events, atomic files."""
