"""The door: whatever a caller hands over is read and checked here, once. A mistake is `Misuse`, which names it."""
