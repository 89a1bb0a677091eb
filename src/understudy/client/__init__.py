"""What users hold: providers, the manager of many, and what a call of theirs goes through."""
