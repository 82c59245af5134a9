"""Where the settings of a store come from."""
