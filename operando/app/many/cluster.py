"""Jobs done on a Dask cluster that is there already: it is sent the name of a function and lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from operando.app.ending import Exit
from operando.app.many.job import Done, Job, answer, done_from, text_of, undone
from operando.errors import ConfigurationError, SourceUnreachable

__all__ = ["fit_on_cluster"]

_PATIENCE_S = 10.0


def fit_on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Done]:
    """Yield what has come of each job, in the order in which they are done.

    The workers must have the same version of this program, and see the same files under the same names.

    Parameters
    ----------
    jobs
        What is to be done.
    address
        Of the scheduler, such as `tcp://127.0.0.1:8786` or `tls://…`.

    Raises
    ------
    ConfigurationError
        Dask is not installed, or the address is none.
    SourceUnreachable
        No scheduler answers there.
    """
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        msg = "a cluster is reached with Dask, which is not installed: install operando with its extra [dask]"
        raise ConfigurationError(msg) from error
    try:
        client: Any = distributed.Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except OSError as error:
        msg = f"no Dask scheduler answers at {address} ({error}); check the address, and that it runs"
        raise SourceUnreachable(msg) from error
    except ValueError as error:
        msg = f"{address} is no address of a scheduler ({error}); write tcp://HOST:8786"
        raise ConfigurationError(msg) from error
    with client:
        # A fit writes a file, so the same job given again is to be done again.
        futures = {client.submit(answer, text_of(job), pure=False): job for job in jobs}
        for future in distributed.as_completed(futures, loop=client.loop):
            error = future.exception()
            if error is None:
                yield done_from(future.result())
            else:
                yield undone(futures[future], Exit.FAILED, f"its worker failed: {error}")
            future.release()
