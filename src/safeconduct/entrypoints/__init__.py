"""Ways in: what arrives over the network, checked for form, handed to the page, and answered."""
