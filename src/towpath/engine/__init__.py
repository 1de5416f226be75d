"""How the Pulumi engine is had where no installer can be reached: sources to build it, and what it starts."""
