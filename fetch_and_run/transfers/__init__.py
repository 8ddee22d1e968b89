"""Files moved between a server and here: whole, checked, and under their name only at the end."""
