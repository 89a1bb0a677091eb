"""Which targets a request considers, and in which order."""
