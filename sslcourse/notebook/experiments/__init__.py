"""What the labs' experiments train, measure and draw."""
