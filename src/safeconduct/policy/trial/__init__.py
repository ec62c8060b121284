"""Policy on trial: what a bundle's own tests say of it, and what a reader would find."""
