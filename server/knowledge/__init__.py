"""What the crew knows: asked, searched, and kept up to date."""
