"""What an environment answers to the outside, asked through the ingress."""
