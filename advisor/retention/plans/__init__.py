"""Scripts that a person can run: purge in batches, a job that repeats it, conversion to partitions."""
