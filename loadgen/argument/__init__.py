"""The study of sync against async clients: five claims, costs per stream, and the article's differences explained."""
