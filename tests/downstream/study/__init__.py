"""A network for tables with a layer, a loss, an optimizer, metrics and a stream function of its own."""
