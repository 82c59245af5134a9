"""What is in flight: each call's label, start, deadline and progress, and the ways to stop it."""
