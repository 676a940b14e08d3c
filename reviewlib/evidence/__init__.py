"""What the CRM says: sources, tables, KPIs, scorecard, insights, snapshot."""
