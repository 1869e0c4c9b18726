"""What stands between servers and exchanges."""
