"""The study of sync against async clients: five claims, costs per stream, and what the article's differences are."""
