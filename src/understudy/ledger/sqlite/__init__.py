"""The ledger in a file: SQLite in WAL mode, written by one thread of each process that has it open."""
