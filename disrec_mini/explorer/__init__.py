"""The explorer: a trained model that runs inside the page."""
