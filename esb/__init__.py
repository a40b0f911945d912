"""esb: a message-queue enterprise service bus; an integrator writes YAML and the bus carries the messages."""

__version__ = "0.1.0"
