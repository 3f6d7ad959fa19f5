"""Who may answer: partner files (data/) and dialects, one file per wire family."""
