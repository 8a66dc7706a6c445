"""Files in and out: one file a format, finding inputs, samples.csv, label images."""
