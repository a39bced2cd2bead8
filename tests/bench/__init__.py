"""Speed, beside the raw runtimes in one run, as ratios: `make bench`. Nothing here is a test."""
