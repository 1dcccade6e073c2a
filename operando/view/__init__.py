"""The only Qt and pyqtgraph. Shows snapshots and nothing else."""
