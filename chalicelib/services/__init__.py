"""What the program does: load through ports, decide in the core, act through ports."""
