"""The Rego engine (regorus), behind JSON text only."""
