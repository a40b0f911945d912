"""The documentation, and what keeps it true: tables made from the code, examples that run."""
