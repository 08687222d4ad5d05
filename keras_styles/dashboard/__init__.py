"""The dashboard: records in, a static page out."""
