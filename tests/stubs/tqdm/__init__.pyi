"""tqdm ships no types."""
