"""What readers see: labels, charts, blocks, pages."""
