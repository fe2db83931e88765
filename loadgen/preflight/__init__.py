"""What is checked before anything is measured: this machine's limits, what is installed, the target."""
