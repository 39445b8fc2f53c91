"""What makes a run reproducible: checkpoints, receipts, fingerprints, portable bits."""
