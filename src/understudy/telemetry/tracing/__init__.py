"""Traces of requests by OpenTelemetry's conventions; see docs/tracing.md."""
