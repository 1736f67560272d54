"""The collections: thin handles on expressions."""
