"""What people ask for, verb by verb: Protocols, and how a store in reach answers them."""
