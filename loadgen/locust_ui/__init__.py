"""Locust's web UI for a scenario: the plugin, the session that runs its plans, and the Streaming tab."""
