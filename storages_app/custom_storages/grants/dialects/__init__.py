"""The same grant in the words of each tool; pure functions from what is wanted to its texts."""
