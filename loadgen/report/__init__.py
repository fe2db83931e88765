"""From summaries and findings to CSV, JSON, a terminal table and one HTML page."""
