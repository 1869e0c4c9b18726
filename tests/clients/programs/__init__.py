"""Small programs as users of an SDK write them; each runs in the SDK's own environment.

A program reads one task as JSON from standard input, takes the base URL and the key from the
SDK's own environment variables, and prints what the SDK gave as one JSON object.
"""
