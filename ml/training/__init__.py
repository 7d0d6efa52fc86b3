"""Training and evaluation. Serving never imports this package; its requirements stand apart from the app's."""
