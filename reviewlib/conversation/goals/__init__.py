"""Goals and plans: how good they are, how far they have come, what became of what was agreed."""
