"""Long rounds, for figures: `make soak`. What they ask is asked in small by the suite."""
