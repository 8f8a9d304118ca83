"""Documents: stored in pieces, found by meaning, and answers that cite them."""
