"""What a workbook asks for: the params file as frozen, typed values, and every mistake in it by line and key."""
