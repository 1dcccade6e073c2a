"""A simulated STXM with a reacting sample whose truth is known. Shares nothing with the fit."""
