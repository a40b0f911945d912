"""The control bus: see and steer. It stands beside the message path, never in it."""
