"""The terminal: verbs in, tables or JSON out."""
