"""Functions for AWS Lambda: each unpacks an event, calls the app, and packs the answer."""
