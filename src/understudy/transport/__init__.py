"""How bytes travel: the seam for the network, and the built-in transport behind it."""
