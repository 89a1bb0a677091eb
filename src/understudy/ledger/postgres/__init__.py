"""The ledger in PostgreSQL, for several machines: written by one thread of each process that has it open."""
