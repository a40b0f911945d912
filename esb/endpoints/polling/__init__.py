"""Polling: one engine for every place where files appear (a folder today, SFTP and FTPS behind the same port)."""
