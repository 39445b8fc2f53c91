"""Data: batches, orders of rows, splits and encoders."""
