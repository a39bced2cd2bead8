"""Training: adapters for the models of the assistant, on people's own data."""
