"""What SQL stores share: parameters, names, conditions."""
