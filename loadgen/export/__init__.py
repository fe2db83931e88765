"""The figures of a run while it goes on, for Prometheus and OpenTelemetry."""
