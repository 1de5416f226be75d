"""OCI registries and layouts over urllib3: streaming, digest-checked, without a daemon."""
