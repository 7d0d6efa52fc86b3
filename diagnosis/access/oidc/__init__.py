"""Single sign-on by OpenID Connect: talking to the provider, the way through a login, and whose account it is."""
