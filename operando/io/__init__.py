"""Documents and files in, results out."""
