"""The person's side: local model, features, orchestrator, client."""
