"""Tables of facts with their sources, and results measured on machines a reader may not have."""
