"""Who we can call: one file of facts for each service."""
