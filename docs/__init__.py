"""The documentation, and the program that writes the parts of it that are made from the code."""
