"""A class made up, of any size, to try the others on."""
