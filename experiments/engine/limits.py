"""The limit of files that a process may have open, told before it is run into."""

import resource

FEWEST = 128  # a kernel has about 65 open, sockets and libraries, and more while it imports
FOR_EACH_WORKER = 16  # that a process starts


def few_files(n_workers: int = 0) -> str | None:
    """Say that this process may open too few files, if the system lets it have no more.

    Parameters
    ----------
    n_workers
        The processes that it will start.
    """
    needed = FEWEST + FOR_EACH_WORKER * n_workers
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (now, most) or now >= needed:
        return None
    if most >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
        return None
    return (
        f"the number of open files must be limited to no less than {needed}. Got {most} "
        f"(`ulimit -n`): raise it where this is started, as with `ulimit -n {4 * needed}`."
    )
