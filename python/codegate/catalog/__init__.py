"""What is known about models: limits, abilities, prices."""
