"""The embedded Ollama server. Always its own process: see ``loadgen.simulator.process``."""
