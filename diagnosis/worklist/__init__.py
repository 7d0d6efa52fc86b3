"""The worklist: its filters and order, counts, and bulk actions."""
