"""What the tests call: one line per function, which leads to your code, however you arrange it."""
