"""Work that outgrows one file and one machine: a task over a folder or a bucket, block by block, here or on Ray."""

BLOCK_ROWS = 5_000
"""Rows of a block: minutes of work for an encoder, an hour for a chat model, and what a lost worker costs at most."""
