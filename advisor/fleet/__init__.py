"""Many databases in one run: targets from a file, a bounded pool of workers, one page over all."""
