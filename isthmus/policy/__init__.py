"""What a duty does to a request. One file per duty; the folder is the registry.

A duty file exports

    VERBS: tuple[str, ...]                                           the region verbs it meets
    compile(obligations, route, house) -> Stage | None               None when nothing is owed on this route

`obligations` are this route's obligations whose verb is in VERBS (at least one). Compile may be slow; the functions in
the Stage are hot: they build no closures, write no logs, and touch only the Exchange.
"""
