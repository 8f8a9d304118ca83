"""Read a project: Compose's model as types, the policy, and the limits of the sandbox."""
