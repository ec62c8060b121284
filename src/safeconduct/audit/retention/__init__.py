"""How long evidence is kept, who must not be forgotten, and who is."""
