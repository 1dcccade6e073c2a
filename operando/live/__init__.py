"""The only threads: the recorder beside the RunEngine and the monitor's worker."""
