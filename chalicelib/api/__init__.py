"""HTTP in: Chalice Blueprints by resource."""
