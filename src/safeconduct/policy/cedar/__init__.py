"""The Cedar engine (cedarpy), never without a schema."""
