"""Alerts to webhooks: what is wrong, and when it is well again; see docs/alerts.md."""
