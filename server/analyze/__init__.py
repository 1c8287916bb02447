"""Analysis of one service, by the Ops agent."""
