"""Remote places: what SFTP and FTPS share, so that there is one way to poll a server and one way to write to it."""
