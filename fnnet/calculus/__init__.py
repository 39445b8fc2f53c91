"""From a loss to gradients: of a whole batch or its parts, with penalties, and checked against differences."""
