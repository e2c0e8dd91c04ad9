"""Your code for assignment 2."""
