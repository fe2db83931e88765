"""Locust's web UI for a scenario: the plugin, the session that it steers and the Streaming tab."""
