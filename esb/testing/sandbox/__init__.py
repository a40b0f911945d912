"""Sandbox systems: an ERP, a shop, a CRM and a warehouse that live on the loopback, for the demo and for tests."""
