"""What the product costs: `make bench`. Each figure stands beside a peer of the same run, as machines differ."""
