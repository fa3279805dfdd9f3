"""The registry of resources: what the Personalize API speaks of, one file for each kind."""
