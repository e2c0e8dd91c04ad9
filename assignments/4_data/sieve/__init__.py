"""Your code for assignment 4: from raw pages to a training stream."""
