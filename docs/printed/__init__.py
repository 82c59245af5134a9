"""What the pages print from the package itself, so that it cannot drift from what they say."""
