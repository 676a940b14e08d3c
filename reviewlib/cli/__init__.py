"""The command line: the door, and nothing but the door."""
