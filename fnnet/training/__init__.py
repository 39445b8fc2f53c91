"""Training as a fold, and what is built on it."""
