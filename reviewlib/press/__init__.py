"""What runs and prints notebooks; it knows nothing of sales."""
