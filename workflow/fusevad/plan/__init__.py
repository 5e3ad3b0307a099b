"""Every job of a configuration: paths, settings, lineage, records."""
