"""The audit of a run: pictures are dealt blinded, answers become rates of errors."""
