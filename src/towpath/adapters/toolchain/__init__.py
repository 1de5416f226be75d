"""How the real engines get onto this machine: probes, downloads, builds and images made here."""
