"""The corridor: door, relay, upstream, stream, workers."""
