"""The relay: our route against the bare client and against Node, from one quorum queue to others, all confirmed."""
