"""Metrics in the text formats that Prometheus reads: the table of them, and how a gateway's state becomes samples."""
