"""The sentinel: notices when the agents get worse, names the cause, and tells people once."""
