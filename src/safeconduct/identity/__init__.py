"""Who is calling: agents by SVID, users by their issuer, purposes by attestation, keys by proof."""
