"""Every cell to be looked at: a plot, its picture and its row, bound together by a click."""
