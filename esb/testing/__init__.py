"""The kit that tests are made of; it ships, so that users can test their own parts with it."""
