"""Durable data: private files, the database, its tables and their migrations."""
