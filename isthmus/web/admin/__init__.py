"""The admin API, on a listener of its own: who may do what, and one file per subject."""
