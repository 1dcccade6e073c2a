"""How long the fit takes here, beside other ways to do it, on the same pixels in one run.

A row is the shortest of several repeats: other programs can only make one longer. What is
timed is a call from arrays in to arrays out, as a user would write it, imports and
compilation excepted.
"""

from operando.bench.fit import PROBLEMS, SIDES, fit_rows
from operando.bench.row import Row, render
from operando.bench.scene import LINE_PIXELS

__all__ = ["LINE_PIXELS", "PROBLEMS", "SIDES", "Row", "fit_rows", "render"]
