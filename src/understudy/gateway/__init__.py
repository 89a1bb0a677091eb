"""The gateway: one HTTP endpoint in the wire formats of six vendors, in front of all configured providers."""
