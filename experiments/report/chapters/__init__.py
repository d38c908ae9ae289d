"""What single chapters compute and draw: one noun a file; a chapter imports those it shows."""
