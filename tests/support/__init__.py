"""What several test files share: a real proxy process, a raw client, the invariants."""
