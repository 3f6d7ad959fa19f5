"""The law: schema, loading and the region files. One jurisdiction is one file in data/."""
