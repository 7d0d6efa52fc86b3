"""Training and evaluation. Serving never imports this package, whose requirements are in requirements-train.txt."""
