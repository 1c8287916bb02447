"""How an agent thinks: LangGraph state machines, one per agent."""
