"""Brokers: RabbitMQ, Redis Streams, Kafka."""

from locutory.engines.bus.registry import get_bus

__all__ = ["get_bus"]
