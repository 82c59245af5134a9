"""What users call, by subject; `dk_notebook` has all of it under one name."""
