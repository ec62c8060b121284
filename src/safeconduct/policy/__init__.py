"""The operator's rules: bundles, and the engines that evaluate them."""
