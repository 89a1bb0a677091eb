"""The gateway: any client in, any provider out."""
