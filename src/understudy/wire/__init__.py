"""HTTP messages as data, and incremental decoders with hard limits. Nothing here opens a connection."""
