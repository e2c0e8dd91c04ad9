"""Your language model: every file here is for you to write."""
