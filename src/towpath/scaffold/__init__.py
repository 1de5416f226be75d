"""What `deploy init` writes; in a wheel `infra`, `stacks` and `example` are folders beside this file."""
