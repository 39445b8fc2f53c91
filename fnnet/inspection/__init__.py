"""What a network is and what happens in it, to be read by people."""
