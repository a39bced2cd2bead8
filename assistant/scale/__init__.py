"""Work that outgrows one file and one machine: a task over a folder or a bucket, block by block, here or on Ray."""
