"""What the API says about each thing. Nothing here writes: uploads come in through `intake`, which validates them."""
