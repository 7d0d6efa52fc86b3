"""The endpoints: each reads through `selectors` or makes one domain call, and serializes the result."""
