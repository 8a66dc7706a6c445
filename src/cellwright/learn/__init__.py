"""Training: the only room with torch. Its doors are `cellwright.learn.job` and `tuning`."""
