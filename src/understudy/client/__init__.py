"""What users hold: providers, managers, and what their calls go through."""
