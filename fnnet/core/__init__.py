"""The contract: what a layer, a loss and an optimizer are written against."""
