"""From a loss to gradients: whole, in parts, with penalties, and checked against differences."""
