"""The pages. Each view validates, makes one domain call and renders; no rule of the product lives here."""
