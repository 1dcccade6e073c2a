"""What of a scan's documents arrives, and how fast, beside bluesky's own 0MQ on the same faults."""

from operando.bench.delivery.figures import DeliveryRow, render
from operando.bench.delivery.table import Scale, delivery_rows

__all__ = ["DeliveryRow", "Scale", "delivery_rows", "render"]
