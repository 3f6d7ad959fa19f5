"""One file per inference engine; each exports ENGINE (see isthmus.fleet.engine)."""
