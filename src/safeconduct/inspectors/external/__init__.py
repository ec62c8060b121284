"""Data loss prevention that others run: a webhook, Microsoft Purview, an action in Salesforce."""
