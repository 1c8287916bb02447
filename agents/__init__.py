"""Who the agents are: their tools and their graphs."""
