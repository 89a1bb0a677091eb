"""HTTP/1.1 over asyncio's own transports and httptools: the built-in transport where that parser is installed."""
