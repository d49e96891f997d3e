"""The whole method in memory: `transfer(content, style, sample_rate)`."""
