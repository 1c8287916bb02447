"""What the crew knows: the service catalogue, runbooks and (later) documents."""
