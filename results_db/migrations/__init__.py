"""The history of the schema; imports nothing of the application, so that old steps keep working."""
