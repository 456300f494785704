"""Which broker an address means."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from locutory.kernel.bus import Bus
from locutory.kernel.errors import ConfigError

_CLIENTS = {
    "amqp": "aio_pika",
    "amqps": "aio_pika",
    "redis": "redis",
    "rediss": "redis",
    "kafka": "confluent_kafka",
}


def get_bus(url: str, prefix: str = "") -> Bus:
    """The broker at `amqp[s]://`, `redis[s]://` or `kafka://host:port[,host:port]`.

    `prefix` goes before every name on it. Nothing is connected yet. Raises ConfigError for another
    address and for a missing client.
    """
    scheme = urlsplit(url).scheme
    client = _CLIENTS.get(scheme)
    if client is None:
        raise ConfigError("LOCUTORY_BUS__URL must begin with amqp://, redis:// or kafka://")
    if find_spec(client) is None:
        raise ConfigError(f"a {scheme} broker needs the extra `bus`: install locutory[bus]")
    if client == "aio_pika":
        from locutory.engines.bus.rabbitmq import RabbitMq

        return RabbitMq(url, prefix)
    if client == "redis":
        from locutory.engines.bus.redis_streams import RedisStreams

        return RedisStreams(url, prefix)
    from locutory.engines.bus.kafka import Kafka

    return Kafka(urlsplit(url).netloc, prefix)
