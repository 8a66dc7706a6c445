"""Training: the only room with torch. Its door is `cellwright.learn.training.train`."""
