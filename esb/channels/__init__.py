"""Where messages wait: the embedded channel (a file) and the RabbitMQ channel, behind `esb.ports.Channel`."""
