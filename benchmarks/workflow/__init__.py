"""The workflow table: how much each way of working adds to a model that is often wrong."""
