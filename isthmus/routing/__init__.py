"""Where an answer comes from: lawful and healthy routes, in order."""
