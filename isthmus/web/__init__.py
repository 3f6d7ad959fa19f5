"""Pages and the admin API."""
