"""What makes a run be had again: checkpoints, receipts, fingerprints, portable bits."""
