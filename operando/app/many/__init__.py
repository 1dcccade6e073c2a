"""Many recorded runs fitted side by side, each as `operando replay` fits it."""
