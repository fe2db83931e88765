"""What is watched beside the streams once a second, by a process of its own, so that no reading delays a stream."""
