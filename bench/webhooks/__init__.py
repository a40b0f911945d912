"""Webhooks: posted by a load generator that shares no code with us, and each 202 followed to its delivery."""
